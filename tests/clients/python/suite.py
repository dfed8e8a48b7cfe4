"""Drives a server through redis-py. A line a test: "ok name" or "not ok name: why"."""

import asyncio
import os
import sys
import threading
import time

import redis
import redis.asyncio
from redis.exceptions import ConnectionError, NoScriptError, ResponseError, TimeoutError, WatchError

PORT = int(os.environ["REDIS_PORT"])
failed = 0


def connect(protocol=2, **more):
    return redis.Redis(port=PORT, protocol=protocol, decode_responses=True, **more)


def test(name, f):
    global failed
    try:
        connect().flushall()
        f()
        print("ok", name, flush=True)
    except Exception as e:  # every failure is a line of the report
        failed += 1
        print(f"not ok {name}: {type(e).__name__} {e}", flush=True)


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def types(protocol):
    r = connect(protocol)
    r.hset("h", mapping={"a": 1, "b": 2})
    same(r.hgetall("h"), {"a": "1", "b": "2"})
    r.zadd("z", {"m": 1.5, "n": 2})
    same([(m, float(s)) for m, s in r.zrange("z", 0, -1, withscores=True)], [("m", 1.5), ("n", 2.0)])
    r.sadd("s", "x", "y")
    same(r.smembers("s"), {"x", "y"})
    r.geoadd("g", (13.361389, 38.115556, "Palermo"))
    same(r.geosearch("g", member="Palermo", radius=1, unit="km"), ["Palermo"])
    same(r.set("k", "v", ex=100), True)
    assert 90 < r.ttl("k") <= 100
    same(r.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    same(int(r.info("server")["process_id"]) > 0, True)
    same(r.type("h"), "hash")
    same(sorted(r.scan_iter(count=1)), ["g", "h", "k", "s", "z"])


def pipeline(protocol):
    r = connect(protocol)
    p = r.pipeline(transaction=False)
    for _ in range(1000):
        p.incr("n")
    same(p.execute()[-1], 1000)
    p = r.pipeline()
    p.incr("n").get("n")
    same(p.execute(), [1001, "1001"])
    p = r.pipeline()
    p.incr("n").lpush("n", "no list")
    got = p.execute(raise_on_error=False)
    same(got[0], 1002)
    same(isinstance(got[1], ResponseError), True)


def watch(protocol):
    r = connect(protocol)
    with r.pipeline() as p:
        p.watch("w")
        r.set("w", 1)
        p.multi()
        p.incr("w")
        try:
            p.execute()
            raise AssertionError("no WatchError")
        except WatchError:
            pass
    same(r.transaction(lambda p: (p.multi(), p.incr("w")), "w"), [2])


def pubsub(protocol):
    r = connect(protocol)
    s = r.pubsub(ignore_subscribe_messages=True)
    s.subscribe("news")
    s.psubscribe("n*")
    for _ in range(2):
        s.get_message(timeout=2)
    same(r.publish("news", "x"), 2)
    same([s.get_message(timeout=2)["type"] for _ in range(2)], ["message", "pmessage"])
    same(r.pubsub_numsub("news"), [("news", 1)])
    s.close()


def blocking(protocol):
    r = connect(protocol)
    threading.Timer(0.1, lambda: connect().lpush("q", "job")).start()
    same(list(r.blpop("q", timeout=5)), ["q", "job"])
    start = time.time()
    same(r.blpop("q", timeout=0.2), None)
    assert 0.15 < time.time() - start < 1.5
    try:
        connect(protocol, socket_timeout=0.2).blpop("q", timeout=5)
        raise AssertionError("no time-out")
    except TimeoutError:
        pass


def streams(protocol):
    r = connect(protocol)
    r.xadd("st", {"f": "v"}, id="1-1")
    r.xgroup_create("st", "g", "0")
    got = r.xreadgroup("g", "c", {"st": ">"})
    assert "1-1" in str(got) and "'f'" in str(got), got
    same(r.xpending("st", "g")["pending"], 1)
    same(r.xack("st", "g", "1-1"), 1)
    same(r.xinfo_stream("st")["length"], 1)


def scripts(protocol):
    r = connect(protocol)
    f = r.register_script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
    same(f(keys=["k"], args=["v"]), ["k", "v", 1])
    r.script_flush()
    same(f(keys=["k"], args=["v"]), ["k", "v", 2])
    try:
        r.evalsha("0" * 40, 0)
        raise AssertionError("no NoScriptError")
    except NoScriptError:
        pass
    r.function_load("#!lua name=lib\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)", replace=True)
    same(r.fcall("twice", 0, 21), 42)


def locks(protocol):
    r = connect(protocol)
    with r.lock("l", timeout=5):
        same(r.lock("l", timeout=5).acquire(blocking=False), False)
    lock = r.lock("l", timeout=5)
    same(lock.acquire(), True)
    lock.extend(5)
    lock.release()
    same(r.exists("l"), 0)


def dump(protocol):
    r = redis.Redis(port=PORT, protocol=protocol)
    r.rpush("l", *range(100))
    r.restore("m", 0, r.dump("l"))
    same(r.lrange("m", 0, -1), r.lrange("l", 0, -1))


def reconnect(protocol):
    r = connect(protocol, retry_on_error=[ConnectionError], single_connection_client=True)
    own = r.client_id()
    connect().client_kill_filter(_id=own)
    r.set("k", "v")
    same(r.get("k"), "v")
    assert r.client_id() != own


def asynchronous():
    async def run():
        r = redis.asyncio.Redis(port=PORT, decode_responses=True)
        same(sorted(await asyncio.gather(*(r.incr("n") for _ in range(50)))), list(range(1, 51)))
        wait = asyncio.create_task(r.blpop("q", timeout=5))
        await asyncio.sleep(0.05)
        await r.rpush("q", "job")
        same(list(await wait), ["q", "job"])
        await r.aclose()

    asyncio.run(run())


for protocol in (2, 3):
    for f in (types, pipeline, watch, pubsub, blocking, streams, scripts, locks, dump, reconnect):
        test(f"redis-py RESP{protocol}: {f.__name__}", lambda: f(protocol))
test("redis-py: asyncio", asynchronous)
sys.exit(failed > 0)
