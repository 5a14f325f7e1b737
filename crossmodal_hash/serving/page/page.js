"use strict";
// What the server sends is set as text (textContent, alt, title) and never becomes HTML.

const K = 100; // As many as the server orders by the query before the sign; more would change the order of the first.
const STEP = 48;
const byId = (id) => document.getElementById(id);
const pictures = new Map(); // Pictures that were searched with, for the back button; a reload loses them.
let about = null, answer = null, shown = STEP, running = null, typing = false, timer = 0, from = null;

function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

const number = (n) => n.toLocaleString("en");
const plural = (n, one) => `${number(n)} ${one}${n === 1 ? "" : "s"}`;
const things = (modality) => ({ image: "pictures", text: "texts" })[modality] || modality;
const short = (text, most = 90) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// The address is the state: what is looked for, among which codes, with which labels.
function state() {
  const given = new URLSearchParams(location.search);
  return { q: given.get("q") || "", item: given.get("item"), code: given.get("code"), among: given.get("in"),
    labels: given.getAll("label"), picture: (history.state || {}).picture };
}

function address(to) {
  const made = new URLSearchParams();
  if (to.q) made.set("q", to.q);
  else if (to.item !== undefined && to.item !== null) made.set("item", to.item);
  else if (to.code) made.set("code", to.code);
  if (to.among) made.set("in", to.among);
  for (const label of to.labels || []) made.append("label", label);
  const text = made.toString();
  return text ? `/?${text}` : "/";
}

function go(to, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](to.picture ? { picture: to.picture } : null, "", address(to));
  return render();
}

function say(text) { byId("status").textContent = text; }

function fail(sentence) {
  byId("error-text").textContent = sentence;
  byId("error").hidden = false;
  byId("results").setAttribute("aria-busy", "false");
  byId("results").replaceChildren();
  byId("labels").hidden = byId("more").hidden = byId("nothing").hidden = true;
  answer = null;
  say("");
}

async function get(path, options) {
  let response, document;
  try {
    response = await fetch(path, options);
    document = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (!response.ok) throw new Error(sentence(document.error || `The server answers ${response.status}.`));
  return document;
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(first) ? first : `${first}.`;
}

function chosen(now) {
  const known = Object.keys(about.searched);
  return known.includes(now.among) ? now.among : known.includes("image") ? "image" : known[0];
}

function key(now) {
  return JSON.stringify([now.picture || null, now.picture ? null : now.q || now.item || now.code, chosen(now), now.q ? 0 : now.item ? 1 : 2]);
}

async function render() {
  if (!about) return;
  const now = state();
  if (document.activeElement !== byId("words") || !typing) byId("words").value = now.q;
  for (const radio of document.querySelectorAll("#among input")) radio.checked = radio.value === chosen(now);
  if (running) running.abort();
  byId("error").hidden = true;
  const asks = now.q || now.item !== null || now.code || now.picture;
  document.title = now.q ? `${short(now.q, 50)} – ${about.name}` : about.name;
  if (!asks) return start(now);
  if (answer && from === key(now)) return draw(now);
  await search(now);
}

async function search(now) {
  const among = chosen(now), mine = (running = new AbortController()), list = byId("results");
  list.setAttribute("aria-busy", "true");
  byId("nothing").hidden = true;
  if (!list.children.length) list.replaceChildren(...Array.from({ length: 12 }, () => make("li", "wait")));
  say("Searching…");
  let options = { method: "POST", signal: mine.signal };
  const picture = now.picture && pictures.get(now.picture);
  // Itself comes first where an item is looked for, and is shown above.
  const k = Math.min(about.most, now.item !== null ? K + 1 : K);
  if (picture) {
    const form = new FormData();
    form.append("picture", picture.file, "picture");
    form.append("k", String(k));
    form.append("modality", among);
    options.body = form;
  } else {
    const what = now.q ? { text: now.q } : now.item !== null ? { item: now.item } : { code: now.code };
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify({ ...what, k, modality: among });
  }
  try {
    const [found, item] = await Promise.all([
      get("/search", options),
      now.item !== null ? get(`/items/${encodeURIComponent(now.item)}`, { signal: mine.signal }) : null,
    ]);
    if (mine.signal.aborted) return;
    if (item) found.results = found.results.filter((hit) => hit.item !== now.item).slice(0, K);
    answer = { ...found, of: item };
    shown = STEP;
    if (picture) {
      history.replaceState({ picture: now.picture }, "", address({ ...now, code: found.code }));
      now = state();
    }
    from = key(now);
    draw(now);
  } catch (error) {
    if (error.name !== "AbortError") fail(error.message);
  }
}

function start(now) {
  answer = from = null;
  byId("asked").hidden = byId("more").hidden = byId("nothing").hidden = true;
  const list = byId("results");
  list.setAttribute("aria-busy", "false");
  list.setAttribute("aria-label", "Some of the items");
  list.replaceChildren(...about.examples.map((item) => card(item, now)));
  const group = byId("labels"), asks = about.asks.includes("text");
  group.hidden = !(asks && about.labels.length);
  group.setAttribute("aria-label", "Words to begin with");
  group.replaceChildren(...about.labels.slice(0, 12).map((label) => {
    const button = make("button", "", label);
    button.type = "button";
    button.addEventListener("click", () => go({ q: label, among: now.among }));
    return button;
  }));
  say(about.examples.length ? "Some of what is here. Describe what you look for, or begin with one of these." : "Describe what you look for.");
}

function draw(now) {
  const list = byId("results"), has = (hit, labels) => labels.every((label) => hit.labels.includes(label));
  const labels = now.labels, fitting = answer.results.filter((hit) => has(hit, labels));
  list.setAttribute("aria-busy", "false");
  list.setAttribute("aria-label", "Results");
  list.replaceChildren(...fitting.slice(0, shown).map((hit) => card(hit, now)));
  byId("more").hidden = fitting.length <= shown;
  asked(now);
  filters(now, fitting);
  byId("nothing").hidden = fitting.length > 0;
  byId("nothing").textContent = labels.length ? `None of the ${answer.results.length} nearest has ${labels.join(" and ")}; press a label again to leave it out.` : "Nothing is here to be found.";
  const of = `${number(answer.searched)} ${things(answer.modality)}`;
  const nearest = `the ${number(answer.results.length)} nearest of ${of}`;
  say(labels.length ? `${number(fitting.length)} of ${nearest}: ${labels.join(", ")}` : nearest.charAt(0).toUpperCase() + nearest.slice(1));
}

function asked(now) {
  const panel = byId("asked"), image = byId("asked-picture"), picture = now.picture && pictures.get(now.picture);
  panel.hidden = Boolean(now.q);
  if (now.q) return;
  const item = answer.of, source = picture ? picture.url : item && item.picture;
  image.hidden = !source;
  if (source) image.src = source;
  image.alt = picture ? "The picture that you search with" : item ? item.text || item.item : "";
  byId("asked-text").textContent = picture ? "Like your picture"
    : item ? `Like “${short(item.text || item.item, 200)}”` : "Like a picture that is no longer here; choose it again to see it, and for a finer order.";
}

function filters(now, fitting) {
  const group = byId("labels"), counts = new Map();
  for (const hit of fitting) for (const label of hit.labels) counts.set(label, (counts.get(label) || 0) + 1);
  for (const label of now.labels) if (!counts.has(label)) counts.set(label, 0);
  const on = (label) => now.labels.includes(label);
  const order = [...counts].sort((a, b) => on(b[0]) - on(a[0]) || b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 12);
  const focused = document.activeElement && group.contains(document.activeElement) ? document.activeElement.dataset.label : null;
  group.hidden = !order.length;
  group.setAttribute("aria-label", "Show only results with these labels");
  group.replaceChildren(...order.map(([label, count]) => {
    const button = make("button", "", label);
    button.type = "button";
    button.dataset.label = label;
    button.append(make("span", "", number(count)));
    button.setAttribute("aria-pressed", String(on(label)));
    button.addEventListener("click", () => {
      const labels = on(label) ? now.labels.filter((each) => each !== label) : [...now.labels, label];
      go({ ...now, labels });
    });
    return button;
  }));
  for (const button of group.children) if (button.dataset.label === focused) button.focus();
}

function card(hit, now) {
  const made = make("li", "card"), words = hit.text || hit.item;
  const blank = () => make("p", "blank", hit.picture ? "The picture cannot be shown" : short(hit.text ? "No picture" : hit.item, 80));
  if (hit.picture && hit.picture.startsWith("/pictures/")) {
    const image = make("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = short(words.replaceAll("\n", ". "), 160);
    image.addEventListener("error", () => image.replaceWith(blank()));
    image.src = hit.picture;
    made.append(image);
  } else made.append(blank());
  const text = make("p", "text", hit.text || hit.item);
  text.title = hit.item;
  made.append(text);
  if (hit.labels.length) made.append(make("p", "tags", hit.labels.join(", ")));
  const foot = make("div", "foot");
  if (hit.distance !== undefined) {
    const near = make("span", "near", plural(hit.distance, "bit")), bar = make("div", "nearness");
    bar.style.setProperty("--near", `${Math.max(3, 100 - (200 * hit.distance) / about.bits)}%`);
    text.before(bar);
    near.title = `Its code differs from the query's in ${hit.distance} of ${about.bits} bits`;
    foot.append(near);
  }
  const link = make("a", "", "More like this");
  link.href = address({ item: hit.item, among: now.among });
  link.setAttribute("aria-label", `More like this: ${short(words.replaceAll("\n", ". "), 120)}`);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    scrollTo({ top: 0 });
    go({ item: hit.item, among: now.among }).then(() => byId("results").focus({ preventScroll: true }));
  });
  foot.append(link);
  made.append(foot);
  return made;
}

function searchWith(file) {
  if (!about || !about.asks.includes("picture")) return fail("The model of this run reads no pictures.");
  if (!file.type.startsWith("image/")) return fail("That is not a picture.");
  if (file.size > about.upload - 4096) return fail(`The picture has ${number(file.size)} bytes; the most is ${number(about.upload - 4096)}.`);
  const name = `${Date.now()}-${pictures.size}`;
  pictures.set(name, { file, url: URL.createObjectURL(file) });
  go({ picture: name, among: state().among });
}

// Words are looked for while they are typed; the entry of the history is that of the whole query.
byId("words").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const words = byId("words").value.trim(), replace = typing;
    typing = true;
    if (words !== state().q) go({ q: words, among: state().among }, { replace });
  }, 250);
});
byId("words").addEventListener("blur", () => { typing = false; });
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  const words = byId("words").value.trim(), replace = typing;
  typing = false;
  if (words !== state().q) go({ q: words, among: state().among }, { replace });
  else render();
});
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", (event) => {
  if (event.target.files.length) searchWith(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (file) { event.preventDefault(); searchWith(file); }
});
const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); byId("drop").hidden = false; } });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("drop").hidden = true; });
addEventListener("drop", (event) => {
  byId("drop").hidden = true;
  if (!carries(event)) return;
  event.preventDefault();
  if (event.dataTransfer.files.length) searchWith(event.dataTransfer.files[0]);
});
byId("clear").addEventListener("click", () => { go({ among: state().among }); byId("words").focus(); });
byId("home").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go({});
});
byId("again").addEventListener("click", () => { if (about) { answer = null; render(); } else begin(); });
byId("more").addEventListener("click", () => {
  const before = shown;
  shown += STEP;
  draw(state());
  const next = byId("results").children[before];
  if (next) next.querySelector("a").focus();
});
addEventListener("popstate", () => { typing = false; clearTimeout(timer); shown = STEP; render(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = document.activeElement, typed = at && /^(INPUT|TEXTAREA)$/.test(at.tagName);
  if (event.key === "/" && !(typed && at.type === "search")) { event.preventDefault(); byId("words").select(); byId("words").focus(); return; }
  const list = byId("results"), cards = [...list.querySelectorAll(".card")];
  if (event.key === "ArrowDown" && at === byId("words") && cards.length) { event.preventDefault(); cards[0].querySelector("a").focus(); return; }
  const place = cards.findIndex((each) => each.contains(at));
  if (place < 0) return;
  const columns = Math.max(1, cards.filter((each) => each.offsetTop === cards[0].offsetTop).length);
  const to = { ArrowRight: place + 1, ArrowLeft: place - 1, ArrowDown: place + columns, ArrowUp: place - columns, Home: 0, End: cards.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  if (to < 0) byId("words").focus();
  else if (cards[to]) cards[to].querySelector("a").focus();
});

async function begin() {
  byId("error").hidden = true;
  try {
    about = await get("/about");
  } catch (error) {
    return fail(error.message);
  }
  byId("name").textContent = about.name;
  const counts = Object.entries(about.searched).map(([name, count]) => `${number(count)} ${things(name)}`);
  byId("what").textContent = `${counts.join(", ")}, codes of ${about.bits} bits`;
  const known = Object.keys(about.searched), among = byId("among");
  among.hidden = known.length < 2;
  among.append(...known.map((name) => {
    const label = make("label"), radio = make("input");
    radio.type = "radio";
    radio.name = "in";
    radio.value = name;
    radio.addEventListener("change", () => go({ ...state(), among: name }));
    label.append(radio, make("span", "", things(name)));
    return label;
  }));
  byId("choose").hidden = !about.asks.includes("picture");
  if (!about.asks.includes("text")) { byId("words").disabled = true; byId("words").placeholder = "This run reads no words"; }
  render();
}

begin();
