"""A controller in Python, against the .proto alone: volumes below a directory. See README.md."""

import argparse
import concurrent.futures
import json
import re
import signal
import threading
import time

import grpc
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2, status_pb2
from steplock.v1 import controller_service_pb2 as pb
from steplock.v1 import controller_service_pb2_grpc, workflow_pb2

from volumes import Fenced, Refused, Stopped, Volumes, token_of

TASKS_MAX = 1000
VOLUME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
SIZE = {"type": "integer", "minimum": 512, "maximum": 2**43, "multipleOf": 512}


def schema(required, **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


MADE = schema(["volume", "size_bytes", "path"], volume=VOLUME, size_bytes=SIZE, path={"type": "string"})
UNDONE_BY_DELETE = {"undo_method": {"name": "delete-volume", "arguments": {"volume": {"$args": "/volume"}}}}

# What Describe says. After a death in the middle of a call, a method with `can_probe` is asked what came of it; one that
# is only `idempotent` is called again.
METHODS = {
    "create-volume": {
        "description": "Makes a volume, sparse unless asked for thick",
        "arguments": schema(["volume", "size_bytes"], volume=VOLUME, size_bytes=SIZE, thick={"type": "boolean"}),
        "output": MADE,
        "more": {"idempotent": True, **UNDONE_BY_DELETE},
    },
    "copy-volume": {
        "description": "Makes a volume with the bytes of another, as a task of its own",
        "arguments": schema(["source", "volume"], source=VOLUME, volume=VOLUME),
        "output": MADE,
        "more": {"can_probe": True, "idempotent": True, **UNDONE_BY_DELETE},
    },
    "delete-volume": {
        "description": "Removes a volume; as an undo only what the undone step made",
        "arguments": schema(["volume"], volume=VOLUME),
        "output": schema(["volume"], volume=VOLUME),
        "more": {"idempotent": True, "irreversible": {}},
    },
    "list-volumes": {
        "description": "Lists volumes",
        "arguments": schema([], prefix={"type": "string"}),
        "output": schema(["volumes"], volumes={"type": "array"}),
        "more": {"idempotent": True, "none_needed": {}},
    },
}


class Task:
    """A copy that goes on after its Execute was answered."""

    def __init__(self, context):
        self.context = pb.CallContext()
        self.context.CopyFrom(context)
        self.stop = threading.Event()
        self.answer = None  # what Poll says once it has ended

    @property
    def goes_on_or_done(self):
        return self.answer is None or self.answer.HasField("done")

    def raise_token(self, context):
        """A later claim asks after it: it goes on under that one's token."""
        if token_of(context) > token_of(self.context):
            self.context.fencing_token.CopyFrom(context.fencing_token)


class Controller(controller_service_pb2_grpc.ControllerServiceServicer):
    def __init__(self, volumes):
        self.volumes = volumes
        self.tasks = {}  # by idempotency key; gone with the process, and then Poll says so
        self.lock = threading.Lock()

    def Describe(self, request, call):
        methods = [
            json_format.ParseDict(
                {
                    "name": name,
                    "description": method["description"],
                    "arguments_schema": json.dumps(method["arguments"]),
                    "output_schema": json.dumps(method["output"]),
                    **method["more"],
                },
                pb.MethodDescription(),
            )
            for name, method in METHODS.items()
        ]
        return pb.DescribeResponse(
            kind="directory", version="1.0.0", description="Volumes below a directory", methods=methods
        )

    def Execute(self, request, call):
        args, context, check = self.arguments(request, call), request.context, checker(call, request.context)
        if args is None:
            return failed(Refused("InvalidArguments", f"{request.method}: arguments that its schema does not allow"))
        with refusing_fenced(call):
            try:
                match request.method:
                    case "create-volume":
                        return done(self.volumes.create(context, args, check))
                    case "copy-volume":
                        return self.start_copy(context, args, check)
                    case "delete-volume":
                        return done(self.volumes.delete(context, args, check))
                    case "list-volumes":
                        return done(self.volumes.list(args))
            except Refused as refused:
                return failed(refused)

    def Poll(self, request, call):
        with refusing_fenced(call):
            args = self.arguments(request, call)
            if args is None or request.method != "copy-volume":
                call.abort(grpc.StatusCode.INVALID_ARGUMENT, "There is no such task")
            task = self.tasks.get(request.task)
            if task is not None:
                task.raise_token(request.context)
            self.volumes.pass_fence(request.context, args["volume"])
        if task is None:
            return pb.PollResponse(unknown=pb.Unknown(message="The task ended with its process"))
        if task.answer is None:
            return pb.PollResponse(pending=pb.Pending(task=request.task))
        return task.answer

    def Probe(self, request, call):
        args = self.arguments(request, call)
        if not METHODS[request.method]["more"].get("can_probe", False):
            call.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.method} cannot be probed")
        if args is None:
            return pb.ProbeResponse(unknown=pb.Unknown(message="Arguments that the schema does not allow"))
        with refusing_fenced(call):
            found = self.volumes.probe(request.context, args["volume"])
        if found is not None:
            return pb.ProbeResponse(done=pb.Done(output=found))
        return pb.ProbeResponse(not_done=pb.NotDone(effect=workflow_pb2.EFFECT_NONE))

    def Cancel(self, request, call):
        task = self.tasks.get(request.task)
        with refusing_fenced(call):
            if task is not None and token_of(request.context) < token_of(task.context):
                raise Fenced("A later claim has the task")
        if task is not None:
            task.stop.set()
        return pb.CancelResponse()

    def start_copy(self, context, args, check):
        check()
        key = context.idempotency_key
        self.volumes.pass_fence(context, args["volume"])
        with self.lock:
            task = self.tasks.get(key)
            if task is not None:
                task.raise_token(context)
            if task is None or not task.goes_on_or_done:
                self.forget_old_tasks()
                task = self.tasks[key] = Task(context)
                threading.Thread(target=self.run_copy, args=(task, args), daemon=True).start()
        return pb.ExecuteResponse(pending=pb.Pending(task=key))

    def forget_old_tasks(self):
        """What is asked after once more all the same is unknown then, and probed."""
        ended = [key for key, task in self.tasks.items() if task.answer is not None]
        for key in ended[:-TASKS_MAX]:
            del self.tasks[key]

    def run_copy(self, task, args):
        def check():
            if task.stop.is_set():
                raise Stopped("It was cancelled")

        try:
            task.answer = pb.PollResponse(done=pb.Done(output=self.volumes.copy(task.context, args, check)))
        except Refused as refused:
            task.answer = pb.PollResponse(failed=failed(refused).failed)
        except Stopped as stopped:
            task.answer = pb.PollResponse(failed=failed(Refused("Cancelled", str(stopped))).failed)
        except Fenced as fenced:
            task.answer = pb.PollResponse(failed=failed(Refused("Fenced", str(fenced))).failed)
        except Exception as error:  # a thread that dies in silence would be pending for ever
            task.answer = pb.PollResponse(unknown=pb.Unknown(message=repr(error)))

    def arguments(self, request, call):
        """The arguments as a dictionary; None when they break the schema. Refuses methods that there are not."""
        method = METHODS.get(request.method)
        if method is None:
            call.abort(grpc.StatusCode.UNIMPLEMENTED, f"There is no method {request.method}")
        args = {name: whole(value) for name, value in json_format.MessageToDict(request.arguments).items()}
        return args if fits(args, method["arguments"]) else None


def whole(value):
    """Numbers of a Struct are floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def fits(args, schema):
    """As much of JSON Schema as METHODS uses; the node has checked already what comes from plans."""
    known = schema["properties"]
    if not set(schema["required"]) <= set(args) <= set(known):
        return False
    return all(fits_one(value, known[name]) for name, value in args.items())


def fits_one(value, rule):
    if type(value) is not {"string": str, "integer": int, "boolean": bool}[rule["type"]]:
        return False
    if "pattern" in rule and re.search(rule["pattern"], value) is None:
        return False
    if "minimum" in rule:
        return rule["minimum"] <= value <= rule["maximum"] and value % rule["multipleOf"] == 0
    return True


def checker(call, context):
    """Raises Stopped once the caller has gone, or the time that the call was given is over."""
    deadline = context.deadline.seconds + context.deadline.nanos / 1e9 if context.HasField("deadline") else None

    def check():
        if not call.is_active():
            raise Stopped("The caller gave up")
        if deadline is not None and time.time() >= deadline:
            raise Stopped("The deadline is over")

    return check


class refusing_fenced:
    """Answers FENCED, with the ErrorInfo by which a node knows it, and DEADLINE_EXCEEDED."""

    def __init__(self, call):
        self.call = call

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, Fenced):
            info = any_pb2.Any()
            info.Pack(error_details_pb2.ErrorInfo(reason="FENCED", domain="steplock"))
            code = grpc.StatusCode.FAILED_PRECONDITION
            status = status_pb2.Status(code=code.value[0], message=str(error), details=[info])
            self.call.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            self.call.abort(code, str(error))
        if isinstance(error, Stopped):
            self.call.abort(grpc.StatusCode.DEADLINE_EXCEEDED, str(error))


def done(output):
    return pb.ExecuteResponse(done=pb.Done(output=output))


def failed(refused):
    return pb.ExecuteResponse(
        failed=pb.Failed(
            reason=refused.reason,
            message=str(refused),
            retryable=refused.retryable,
            effect=workflow_pb2.EFFECT_NONE,
        )
    )


def main():
    parser = argparse.ArgumentParser(description="Serves volumes below a directory to Steplock.")
    parser.add_argument("--data-dir", required=True, help="where the volumes are")
    parser.add_argument("--listen", default="127.0.0.1:7481", help="host:port; port 0 for any free one")
    parser.add_argument("--write-rate", type=float, help="bytes a second at most that a call writes")
    options = parser.parse_args()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
    controller_service_pb2_grpc.add_ControllerServiceServicer_to_server(
        Controller(Volumes(options.data_dir, options.write_rate)), server
    )
    port = server.add_insecure_port(options.listen)
    server.start()
    print(f"serves at {options.listen.rpartition(':')[0]}:{port}", flush=True)
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    ended.wait()
    server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
