import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.TransactionResult;
import io.lettuce.core.XReadArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/** Drives a server through jedis and lettuce. A line a test: "ok name" or "not ok name: why". */
public class Suite {
  interface Test { void run() throws Exception; }

  static int failed;
  static final String host = "127.0.0.1";
  static int port;

  static void test(String name, Test t) {
    try (Jedis j = new Jedis(host, port)) {
      j.flushAll();
      t.run();
      System.out.println("ok " + name);
    } catch (Throwable e) {
      failed++;
      System.out.println("not ok " + name + ": " + e);
    }
  }

  static void same(Object got, Object want) {
    if (got == null ? want != null : !got.equals(want)) {
      throw new AssertionError("got " + got + ", want " + want);
    }
  }

  public static void main(String[] args) throws Exception {
    port = Integer.parseInt(System.getenv("REDIS_PORT"));
    jedis();
    lettuce();
    System.exit(failed > 0 ? 1 : 0);
  }

  static Jedis connect(RedisProtocol p, int timeoutMs) {
    return new Jedis(new HostAndPort(host, port),
        DefaultJedisClientConfig.builder().protocol(p).socketTimeoutMillis(timeoutMs).build());
  }

  static void jedis() {
    for (RedisProtocol p : new RedisProtocol[] {RedisProtocol.RESP2, RedisProtocol.RESP3}) {
      test("jedis " + p + ": types", () -> {
        try (Jedis j = connect(p, 2000)) {
          j.hset("h", Map.of("a", "1", "b", "2"));
          same(j.hgetAll("h"), Map.of("a", "1", "b", "2"));
          j.zadd("z", 1.5, "m");
          same(j.zscore("z", "m"), 1.5);
          same(j.zrangeWithScores("z", 0, -1).get(0).getScore(), 1.5);
          j.sadd("s", "x", "y");
          same(j.smembers("s").size(), 2);
          same(j.configGet("maxmemory-policy").get("maxmemory-policy"), "noeviction");
        }
      });
      test("jedis " + p + ": pipeline and transaction", () -> {
        try (Jedis j = connect(p, 2000)) {
          Pipeline pipe = j.pipelined();
          List<Response<Long>> replies = new ArrayList<>();
          for (int i = 0; i < 1000; i++) replies.add(pipe.incr("n"));
          pipe.sync();
          same(replies.get(999).get(), 1000L);
          j.watch("n");
          try (Jedis other = connect(p, 2000)) { other.set("n", "5"); }
          Transaction t = j.multi();
          t.incr("n");
          same(t.exec(), null);
          t = j.multi();
          t.incr("n");
          t.lpush("n", "no list");
          List<Object> r = t.exec();
          same(r.get(0), 6L);
          same(r.get(1) instanceof JedisDataException, true);
        }
      });
      test("jedis " + p + ": blocking and time-outs", () -> {
        try (Jedis j = connect(p, 2000)) {
          Thread later = new Thread(() -> {
            try (Jedis other = connect(p, 2000)) { Thread.sleep(100); other.lpush("q", "job"); }
            catch (InterruptedException e) { throw new RuntimeException(e); }
          });
          later.start();
          same(j.blpop(5, "q"), List.of("q", "job"));
          later.join();
          same(j.blpop(0.1, "q"), null);
        }
        try (Jedis j = connect(p, 200); Jedis other = connect(p, 2000)) {
          other.clientPause(1000, redis.clients.jedis.args.ClientPauseMode.ALL);
          try {
            j.get("q");
            throw new AssertionError("no time-out");
          } catch (JedisConnectionException e) { /* the client gave up, as it should */ }
          other.clientUnpause();
        }
      });
      test("jedis " + p + ": scripts", () -> {
        try (Jedis j = connect(p, 2000)) {
          String sha = j.scriptLoad("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
          same(j.evalsha(sha, List.of("k"), List.of("v")), List.of("k", "v", 1L));
          try {
            j.evalsha("0".repeat(40));
            throw new AssertionError("no NOSCRIPT");
          } catch (JedisDataException e) { same(e.getMessage().startsWith("NOSCRIPT"), true); }
          j.functionLoadReplace("#!lua name=lib\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)");
          same(j.fcall("twice", List.of(), List.of("21")), 42L);
        }
      });
    }
    test("jedis: pub/sub", () -> {
      BlockingQueue<String> heard = new LinkedBlockingQueue<>();
      JedisPubSub sub = new JedisPubSub() {
        @Override public void onSubscribe(String c, int n) { heard.add("subscribed " + n); }
        @Override public void onMessage(String c, String m) { heard.add(c + "=" + m); if (m.equals("end")) unsubscribe(); }
      };
      Thread t = new Thread(() -> { try (Jedis j = new Jedis(host, port)) { j.subscribe(sub, "news"); } });
      t.start();
      same(heard.poll(5, TimeUnit.SECONDS), "subscribed 1");
      try (Jedis j = new Jedis(host, port)) { j.publish("news", "hello"); j.publish("news", "end"); }
      same(heard.poll(5, TimeUnit.SECONDS), "news=hello");
      t.join(5000);
      same(t.isAlive(), false);
    });
    test("jedis: pool survives CLIENT KILL", () -> {
      try (JedisPooled pool = new JedisPooled(host, port); Jedis j = new Jedis(host, port)) {
        pool.set("k", "v");
        j.clientKill(new redis.clients.jedis.params.ClientKillParams().skipMe(redis.clients.jedis.params.ClientKillParams.SkipMe.YES));
        String got = null;
        for (int i = 0; i < 3 && got == null; i++) {
          try { got = pool.get("k"); } catch (JedisConnectionException e) { /* that one was killed */ }
        }
        same(got, "v");
      }
    });
  }

  static void lettuce() throws Exception {
    RedisClient client = RedisClient.create(RedisURI.builder().withHost(host).withPort(port).withTimeout(Duration.ofSeconds(5)).build());
    try (StatefulRedisConnection<String, String> con = client.connect()) {
      RedisCommands<String, String> r = con.sync();
      test("lettuce: types over RESP3", () -> {
        r.hset("h", Map.of("a", "1"));
        same(r.hgetall("h"), Map.of("a", "1"));
        r.zadd("z", 2.5, "m");
        same(r.zscore("z", "m"), 2.5);
        same(r.set("s", "v", io.lettuce.core.SetArgs.Builder.ex(100)), "OK");
        same(r.ttl("s") > 90, true);
      });
      test("lettuce: pipelining", () -> {
        List<io.lettuce.core.RedisFuture<Long>> all = new ArrayList<>();
        for (int i = 0; i < 1000; i++) all.add(con.async().incr("n"));
        same(all.get(999).get(5, TimeUnit.SECONDS), 1000L);
      });
      test("lettuce: transaction", () -> {
        r.watch("w");
        try (StatefulRedisConnection<String, String> other = client.connect()) { other.sync().set("w", "1"); }
        r.multi();
        r.incr("w");
        same(r.exec().wasDiscarded(), true);
        r.multi();
        r.incr("w");
        TransactionResult t = r.exec();
        same(t.get(0), 2L);
      });
      test("lettuce: streams", () -> {
        r.xadd("st", Map.of("f", "v"));
        r.xgroupCreate(XReadArgs.StreamOffset.from("st", "0"), "g");
        var got = r.xreadgroup(io.lettuce.core.Consumer.from("g", "c"), XReadArgs.StreamOffset.lastConsumed("st"));
        same(got.get(0).getBody(), Map.of("f", "v"));
        same(r.xack("st", "g", got.get(0).getId()), 1L);
      });
      test("lettuce: scripts", () -> {
        String sha = r.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
        same(r.evalsha(sha, ScriptOutputType.INTEGER, new String[] {"k"}, "7"), 7L);
      });
      test("lettuce: pub/sub", () -> {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        try (var sub = client.connectPubSub()) {
          sub.addListener(new RedisPubSubAdapter<String, String>() {
            @Override public void message(String c, String m) { heard.add(m); }
            @Override public void message(String p, String c, String m) { heard.add(p + ":" + m); }
          });
          sub.sync().subscribe("news");
          sub.sync().psubscribe("n*");
          r.publish("news", "x");
          same(heard.poll(5, TimeUnit.SECONDS), "x");
          same(heard.poll(5, TimeUnit.SECONDS), "n*:x");
        }
      });
      test("lettuce: invalidation", () -> {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        con.addListener(m -> heard.add(m.getType()));
        r.clientTracking(io.lettuce.core.TrackingArgs.Builder.enabled());
        r.set("t", "1");
        r.get("t");
        try (StatefulRedisConnection<String, String> other = client.connect()) { other.sync().set("t", "2"); }
        same(heard.poll(5, TimeUnit.SECONDS), "invalidate");
        r.clientTracking(io.lettuce.core.TrackingArgs.Builder.enabled(false));
      });
      test("lettuce: reconnects", () -> {
        long id = r.clientId();
        try (Jedis j = new Jedis(host, port)) {
          j.clientKill(new redis.clients.jedis.params.ClientKillParams().id(String.valueOf(id)));
        }
        r.set("k", "v");
        same(r.get("k"), "v");
        same(r.clientId() != id, true);
      });
    }
    client.shutdown();
  }
}
