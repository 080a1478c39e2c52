"""Volumes as directories below a data directory: what the controller does, without a word of gRPC.

    volumes/NAME/data          the bytes
    volumes/NAME/record.json   which step made it: its key, its arguments, its output
    making/KEY/                the same two, while they are being written; renamed to volumes/NAME when complete
    fences/NAME.json           the highest fencing token of each step that ever had to do with NAME

A volume appears by one rename, with its record in it: there is no instant at which it is there and nobody knows whose
it is. What is long (writing) is done beside, without a lock; what decides (compare the fence, then rename or remove) is
done under the lock of the name, which the kernel gives back when the process dies.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time

CHUNK = 64 * 1024
# A name's fences: as many steps are remembered, and the lowest token of those forgotten stays as a floor.
FENCES_MAX = 64
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Fenced(Exception):
    """A later claim of the step was here: this call must do nothing."""


class Refused(Exception):
    """It failed, and it is known why and that nothing was left."""

    def __init__(self, reason, message, retryable=False):
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable


class Stopped(Exception):
    """The caller gave up or its time is over."""


def token_of(context):
    return (context.fencing_token.generation, context.fencing_token.revision)


class Volumes:
    def __init__(self, data_dir, write_rate=None):
        """`write_rate`: bytes a second at most, for disks that have other work to do; None for as fast as it goes."""
        self.root = data_dir
        self.write_rate = write_rate
        for name in ("volumes", "making", "fences"):
            os.makedirs(os.path.join(data_dir, name), exist_ok=True)
        self.lock = open(self._path("lock"), "a", encoding="utf-8")  # held until the process ends
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{data_dir} is served by another process") from None
        # Nobody writes these any more: their writer was a former process.
        for left in os.listdir(self._path("making")):
            shutil.rmtree(self._path("making", left), ignore_errors=True)

    # What the methods do.

    def create(self, context, args, check):
        """Makes a volume; again with the same key, finds it. `check` raises Stopped when the caller is gone."""
        name, size = args["volume"], int(args["size_bytes"])

        def write(file):
            if args.get("thick", False):
                self._write_zeros(file, size, check)
            else:
                file.truncate(size)

        return self._make(context, name, args, write, check)

    def copy(self, context, args, check):
        """Makes a volume with the bytes of another."""
        source = self._path("volumes", args["source"], "data")
        if not os.path.exists(source):
            raise Refused("VolumeNotFound", f"There is no volume {args['source']}")

        def write(file):
            with open(source, "rb") as original:
                while chunk := original.read(CHUNK):
                    self._write(file, chunk, check)

        return self._make(context, args["volume"], args, write, check)

    def delete(self, context, args, check):
        """Removes a volume; as an undo only what the undone step made, under any of its keys."""
        name = args["volume"]
        keys = None
        if context.HasField("undone"):
            keys = {context.undone.idempotency_key, *context.undone.former_keys}
        with self._locked(name) as fences:
            check()
            self._pass_fence(fences, context)
            record = self._record(name)
            if record is not None and (keys is None or record["key"] in keys):
                # Away first, then gone: a death in between leaves no half of a volume under its name.
                grave = self._path("making", _hash(f"grave {name} {time.time_ns()}"))
                os.rename(self._path("volumes", name), grave)
                _sync(self._path("volumes"))
                shutil.rmtree(grave, ignore_errors=True)
        return {"volume": name}

    def list(self, args):
        """All volumes whose names begin so."""
        found = []
        for name in sorted(os.listdir(self._path("volumes"))):
            record = self._record(name)
            if record is not None and name.startswith(args.get("prefix", "")):
                found.append({"volume": name, "size_bytes": record["output"]["size_bytes"]})
        return {"volumes": found}

    def probe(self, context, name):
        """Raises the fence, then tells what a call with this key made; None: nothing, and nothing more will come."""
        with self._locked(name) as fences:
            self._pass_fence(fences, context)
            record = self._record(name)
            if record is not None and record["key"] in self._keys(context):
                return record["output"]
            return None

    def pass_fence(self, context, name):
        """For a call that only asks."""
        with self._locked(name) as fences:
            self._pass_fence(fences, context)

    # How.

    def _make(self, context, name, args, write, check):
        with self._locked(name) as fences:
            check()
            self._pass_fence(fences, context)
            found = self._own(context, name, args)
            if found is not None:
                return found
        place = self._path("making", _hash(f"{context.idempotency_key} {time.time_ns()}"))
        os.makedirs(place)
        try:
            with open(os.path.join(place, "data"), "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_size
            output = {"volume": name, "size_bytes": size, "path": self._path("volumes", name, "data")}
            record = {"key": context.idempotency_key, "arguments": args, "output": output}
            _write_file(os.path.join(place, "record.json"), json.dumps(record))
            with self._locked(name) as fences:
                check()
                # Again: whoever asked meanwhile whether this would still happen was told no.
                self._pass_fence(fences, context)
                found = self._own(context, name, args)
                if found is None:
                    os.rename(place, self._path("volumes", name))
                    _sync(self._path("volumes"))
                return output if found is None else found
        except OSError as error:
            raise Refused("WriteFailed", str(error), retryable=True) from error
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _own(self, context, name, args):
        """What this step made before. Refuses when the volume is another's, or the key came with other arguments."""
        record = self._record(name)
        if record is None:
            return None
        if record["key"] not in self._keys(context):
            raise Refused("VolumeExists", f"There is a volume {name}, made by another step")
        if record["arguments"] != args:
            raise Refused("KeyReused", f"The key was used with other arguments for {name}")
        return record["output"]

    def _keys(self, context):
        return {context.idempotency_key, *context.former_keys}

    def _record(self, name):
        try:
            with open(self._path("volumes", name, "record.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _locked(self, name):
        """Holds the name's lock; gives what its fence file says, by step and direction."""
        if NAME.fullmatch(name) is None:
            raise Refused("InvalidArguments", f"volume: {name!r} is no name of a volume")
        with open(self._path("fences", f"{name}.lock"), "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with open(self._path("fences", f"{name}.json"), encoding="utf-8") as file:
                    fences = json.load(file)
            except FileNotFoundError:
                fences = {"floor": [0, 0], "steps": {}}
            yield {"name": name, **fences}

    def _pass_fence(self, fences, context):
        """Refuses a call with an older token than one seen for its step, and remembers a newer one, on disk."""
        steps, token = fences["steps"], token_of(context)
        own = _hash(f"{context.workflow_uid}/{context.step}/{context.direction}")
        seen = tuple(steps.get(own, fences["floor"]))
        if token < seen:
            raise Fenced(f"Token {token} comes after {seen}")
        if own in steps and token == seen:
            return
        steps[own] = token
        if context.HasField("undone"):
            # A call that is undone must not happen afterwards either. FORWARD is 1.
            steps[_hash(f"{context.workflow_uid}/{context.step}/1")] = token
        while len(steps) > FENCES_MAX:
            lowest = min(steps, key=lambda step: tuple(steps[step]))
            fences["floor"] = steps.pop(lowest)
        path = self._path("fences", f"{fences['name']}.json")
        _write_file(f"{path}.new", json.dumps({"floor": fences["floor"], "steps": steps}))
        os.rename(f"{path}.new", path)
        _sync(self._path("fences"))

    def _write_zeros(self, file, size, check):
        zeros = bytes(CHUNK)
        for at in range(0, size, CHUNK):
            self._write(file, zeros[: size - at], check)

    def _write(self, file, chunk, check):
        check()
        file.write(chunk)
        if self.write_rate is not None:
            file.flush()
            time.sleep(len(chunk) / self.write_rate)

    def _path(self, *parts):
        return os.path.join(self.root, *parts)


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory):
    """A rename is there after a power failure only when its directory was synced."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
