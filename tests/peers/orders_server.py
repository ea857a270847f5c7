#!/usr/bin/python3
"""A gRPC server made of grpcio, whose HTTP/2, trailers and status are none of ours.

orders_server.py ADDRESS STORE [KEY CERTIFICATE], with protoc's orders_pb2.py in PYTHONPATH.

STORE holds the orders, one JSON object a line: what was acknowledged survives a kill.
"""

import json
import os
import sys
import time
from concurrent import futures

import common_pb2
import grpc
import orders_pb2

address, store = sys.argv[1:3]
orders = {"shop-1": (1, 9.5)}
if os.path.exists(store):
    with open(store) as lines:
        for line in lines:
            row = json.loads(line)
            orders[row["id"]] = (row["n"], row["unit_price"])
journal = open(store, "a", buffering=1)
token = os.environ.get("ORDERS_TOKEN")


def allowed(context):
    given = dict(context.invocation_metadata()).get("authorization")
    if token and given != "Bearer " + token:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")


def put(request, context):
    allowed(context)
    order = request.order
    if not order.id:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an order needs an id")
    if order.id in orders:
        context.abort(grpc.StatusCode.ALREADY_EXISTS, "schon da: 100 % ö\n" + order.id)
    orders[order.id] = (order.n, order.unit_price)
    journal.write(json.dumps({"id": order.id, "n": order.n, "unit_price": order.unit_price}) + "\n")
    return order


def get(request, context):
    allowed(context)
    if request.id == "deadline":
        return common_pb2.Order(id=request.id, n=int(context.time_remaining() * 1000))
    if request.id == "slow":
        time.sleep(context.time_remaining() + 1)
    if request.id == "big":
        return common_pb2.Order(id="x" * (5 << 20))
    if request.id == "large":
        return common_pb2.Order(id="x" * (3 << 20))
    if request.id not in orders:
        context.abort(grpc.StatusCode.NOT_FOUND, "no order " + request.id)
    n, price = orders[request.id]
    return common_pb2.Order(id=request.id, n=n, unit_price=price)


def list_all(request, context):
    rows = [common_pb2.Order(id=id, n=n, unit_price=price) for id, (n, price) in orders.items()]
    return orders_pb2.ListAnswer(items=rows)


def check(request, context):
    """grpc.health.v1.Health/Check on the wire: a text in field 1, a number in field 1."""
    service = request[2:].decode()
    if service not in ("", "db", "orders.v1.Orders"):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service " + service)
    return b"\x08\x02" if service == "db" else b"\x08\x01"


def unary(behaviour, request):
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=request.FromString, response_serializer=lambda answer: answer.SerializeToString()
    )


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
server.add_generic_rpc_handlers(
    (
        grpc.method_handlers_generic_handler(
            "orders.v1.Orders",
            {
                "Put": unary(put, orders_pb2.PutRequest),
                "Get": unary(get, orders_pb2.GetRequest),
                "List": unary(list_all, orders_pb2.ListRequest),
            },
        ),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),
    )
)
if len(sys.argv) > 3:
    key, certificate = (open(path, "rb").read() for path in sys.argv[3:5])
    bound = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
else:
    bound = server.add_insecure_port(address)
if bound == 0:
    sys.exit("cannot listen on " + address)
server.start()
server.wait_for_termination()
