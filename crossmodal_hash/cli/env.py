"""`chash env`: information for a bug report."""

from __future__ import annotations

from crossmodal_hash.cli.options import Json
from crossmodal_hash.cli.output import Output


def env(as_json: Json = False) -> None:
    """Show versions, devices, plug-ins and folders."""
    import importlib.metadata
    import platform

    import torch

    from crossmodal_hash.cache import cache_folder
    from crossmodal_hash.components import KINDS
    from crossmodal_hash.registry import BUILT_IN

    facts: dict[str, object] = {"python": platform.python_version(), "platform": platform.platform()}
    for name in ("crossmodal-hash", "torch", "torchvision", "numpy", "typer", "pydantic", "entrypoints"):
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "not installed"
    facts["gpus"] = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) or "none"
    facts["cpu threads"] = torch.get_num_threads()
    found = {f.origin for registry in KINDS.values() for f in registry.found() if f.origin != BUILT_IN}
    facts["plug-ins"] = ", ".join(sorted(found)) or "none"
    facts["feature cache"] = str(cache_folder())
    Output(as_json=as_json).table(("what", "value"), list(facts.items()), facts)
