"""A process that writes an index when it is told to; it starts quickly, as a copy of one that has imported all."""

import multiprocessing
import sys


def _write(pipe, action, where, file, engine, limit):
    from crossmodal_hash.codes import load
    from crossmodal_hash.errors import CodesError
    from crossmodal_hash.opening.index import create_index, open_index
    from crossmodal_hash.settings.flags import read_part

    found = load(file)
    if action == "add":
        index = open_index(where)
        index.search(found.packed[:1], 1)
    pipe.send("ready")
    pipe.recv()
    if limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        if action == "build":
            index = create_index(where, found, read_part(engine))
        index.add(found.ids.tolist(), found.packed)
        pipe.send("done")
    except CodesError as error:
        pipe.send(str(error))


class Writer:
    """Builds an index of a codes file, or adds the file, and says `done` or what went wrong."""

    def __init__(self, action, where, file, engine, limit=None):
        context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        if sys.platform != "win32":
            context.set_forkserver_preload(["crossmodal_hash.opening.index", "crossmodal_hash.engines.faiss", "faiss"])
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, action, str(where), str(file), engine, limit)
        self.process = context.Process(target=_write, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        assert self.pipe.recv() == "ready"

    def go(self):
        self.pipe.send("go")

    def said(self):
        return self.pipe.recv()

    def kill(self):
        self.process.kill()
        self.process.join()
