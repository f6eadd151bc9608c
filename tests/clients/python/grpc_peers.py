"""gRPC in Python: client and server, the proxy being found in $grpc_proxy. Arguments: none, or CA, certificate, key."""

import concurrent.futures
import pathlib
import queue
import sys
import threading

import grpc

PATIENCE = 30
waiting, cancelled = threading.Event(), threading.Event()


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def wait(request, context):
    context.add_callback(cancelled.set)
    waiting.set()
    cancelled.wait(PATIENCE)
    return b""


def chat(requests, context):
    for request in requests:
        yield b"pong " + request


def serve(credentials):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: b"echo " + request),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Wait": grpc.unary_unary_rpc_method_handler(wait)})])
    port = server.add_secure_port("127.0.0.1:0", credentials) if credentials else server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"localhost:{port}"


def talk(channel):
    message = b"x" * 100_000
    assert channel.unary_unary("/test.Echo/Unary")(message, timeout=PATIENCE) == b"echo " + message

    to_send = queue.Queue()
    answers = channel.stream_stream("/test.Echo/Chat")(iter(to_send.get, None), timeout=PATIENCE)
    for number in range(20):
        to_send.put(b"%d" % number)
        assert next(answers) == b"pong %d" % number  # and only then comes the next
    to_send.put(None)
    assert not list(answers)

    try:
        channel.unary_unary("/test.Echo/Fail")(b"", timeout=PATIENCE)
        raise AssertionError("no failure")
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing"), error

    call = channel.unary_unary("/test.Echo/Wait").future(b"")
    assert waiting.wait(PATIENCE)
    call.cancel()
    assert cancelled.wait(PATIENCE), "the server has not learned of it"


def main():
    files = [pathlib.Path(name).read_bytes() for name in sys.argv[1:]]
    server, place = serve(grpc.ssl_server_credentials([(files[2], files[1])]) if files else None)
    with grpc.secure_channel(place, grpc.ssl_channel_credentials(files[0])) if files else grpc.insecure_channel(place) as channel:
        talk(channel)
    server.stop(None).wait()


main()
