// Command suite drives a server through go-redis and rueidis. A line a test: "ok name" or
// "not ok name: why". It is a module of its own, so that the server needs no client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

var (
	ctx    = context.Background()
	addr   = "127.0.0.1:" + os.Getenv("REDIS_PORT")
	failed int
)

func test(name string, f func() error) {
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	err := admin.FlushAll(ctx).Err()
	if err == nil {
		err = f()
	}
	if err != nil {
		failed++
		fmt.Printf("not ok %s: %v\n", name, err)
		return
	}
	fmt.Println("ok", name)
}

// same is the first error, or a complaint about what is not as it should be.
func same(got, want any, err error) error {
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

func main() {
	for _, proto := range []int{2, 3} {
		goRedis(proto)
	}
	throughRueidis()
	if failed > 0 {
		os.Exit(1)
	}
}

func goRedis(proto int) {
	open := func() *redis.Client { return redis.NewClient(&redis.Options{Addr: addr, Protocol: proto}) }
	r := open()
	defer r.Close()
	run := func(name string, f func() error) { test(fmt.Sprintf("go-redis RESP%d: %s", proto, name), f) }
	run("types", func() error {
		r.HSet(ctx, "h", "a", 1, "b", 2)
		h, err := r.HGetAll(ctx, "h").Result()
		if err := same(h, map[string]string{"a": "1", "b": "2"}, err); err != nil {
			return err
		}
		r.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"})
		z, err := r.ZRangeWithScores(ctx, "z", 0, -1).Result()
		if err := same(z, []redis.Z{{Score: 1.5, Member: "m"}}, err); err != nil {
			return err
		}
		r.Set(ctx, "k", "v", 100*time.Second)
		ttl, err := r.TTL(ctx, "k").Result()
		return same(ttl > 90*time.Second, true, err)
	})
	run("pipeline and transaction", func() error {
		p := r.Pipeline()
		var last *redis.IntCmd
		for range 1000 {
			last = p.Incr(ctx, "n")
		}
		if _, err := p.Exec(ctx); err != nil {
			return err
		}
		if err := same(last.Val(), int64(1000), nil); err != nil {
			return err
		}
		cmds, err := r.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "n")
			p.Get(ctx, "n")
			return nil
		})
		return same(len(cmds) == 2 && cmds[1].(*redis.StringCmd).Val() == "1001", true, err)
	})
	run("watch", func() error {
		err := r.Watch(ctx, func(tx *redis.Tx) error {
			r.Set(ctx, "w", 1, 0)
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "w"); return nil })
			return err
		}, "w")
		return same(errors.Is(err, redis.TxFailedErr), true, nil)
	})
	run("pub/sub", func() error {
		s := r.Subscribe(ctx, "news")
		defer s.Close()
		if _, err := s.Receive(ctx); err != nil {
			return err
		}
		n, err := r.Publish(ctx, "news", "x").Result()
		if err := same(n, int64(1), err); err != nil {
			return err
		}
		select {
		case m := <-s.Channel():
			return same(m.Payload, "x", nil)
		case <-time.After(5 * time.Second):
			return errors.New("nothing was heard")
		}
	})
	run("blocking and time-outs", func() error {
		go func() {
			time.Sleep(100 * time.Millisecond)
			o := open()
			defer o.Close()
			o.LPush(ctx, "q", "job")
		}()
		got, err := r.BLPop(ctx, 5*time.Second, "q").Result()
		if err := same(got, []string{"q", "job"}, err); err != nil {
			return err
		}
		if err := r.BLPop(ctx, time.Second, "q").Err(); !errors.Is(err, redis.Nil) {
			return fmt.Errorf("a wait for nothing: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		o := redis.NewClient(&redis.Options{Addr: addr, Protocol: proto, ContextTimeoutEnabled: true})
		defer o.Close()
		return same(errors.Is(o.Do(short, "BLPOP", "q", 5).Err(), context.DeadlineExceeded), true, nil)
	})
	run("scripts", func() error {
		s := redis.NewScript("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
		got, err := s.Run(ctx, r, []string{"k"}, "v").Result()
		if err := same(got, []any{"k", "v", int64(1)}, err); err != nil {
			return err
		}
		r.FunctionLoadReplace(ctx, "#!lua name=lib\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)")
		got, err = r.FCall(ctx, "twice", nil, 21).Result()
		return same(got, int64(42), err)
	})
	run("streams", func() error {
		r.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: "1-1", Values: []string{"f", "v"}})
		r.XGroupCreate(ctx, "s", "g", "0")
		got, err := r.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"s", ">"}}).Result()
		if err := same(len(got) == 1 && got[0].Messages[0].Values["f"] == "v", true, err); err != nil {
			return err
		}
		n, err := r.XAck(ctx, "s", "g", "1-1").Result()
		return same(n, int64(1), err)
	})
	run("reconnects", func() error {
		r.Set(ctx, "k", "v", 0)
		o := open()
		defer o.Close()
		if err := o.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			return err
		}
		got, err := r.Get(ctx, "k").Result()
		return same(got, "v", err)
	})
}

func throughRueidis() {
	open := func() (rueidis.Client, error) {
		return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	}
	c, err := open()
	if err != nil {
		test("rueidis: connect", func() error { return err })
		return
	}
	defer c.Close()
	test("rueidis: a thousand at once", func() error {
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { c.Do(ctx, c.B().Incr().Key("n").Build()) })
		}
		wg.Wait()
		n, err := c.Do(ctx, c.B().Get().Key("n").Build()).AsInt64()
		return same(n, int64(1000), err)
	})
	test("rueidis: client-side caching", func() error {
		get := func() (rueidis.RedisResult, string, error) {
			res := c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Minute)
			s, err := res.ToString()
			return res, s, err
		}
		c.Do(ctx, c.B().Set().Key("k").Value("1").Build())
		if _, s, err := get(); err != nil || s != "1" {
			return fmt.Errorf("first: %q, %v", s, err)
		}
		if res, s, err := get(); err != nil || s != "1" || !res.IsCacheHit() {
			return fmt.Errorf("second: %q, %v, from the cache: %v", s, err, res.IsCacheHit())
		}
		o, err := open()
		if err != nil {
			return err
		}
		defer o.Close()
		o.Do(ctx, o.B().Set().Key("k").Value("2").Build())
		for range 100 {
			if _, s, _ := get(); s == "2" {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return errors.New("the change was not told")
	})
	test("rueidis: transaction", func() error {
		return c.Dedicated(func(d rueidis.DedicatedClient) error {
			res := d.DoMulti(ctx, d.B().Multi().Build(), d.B().Incr().Key("a").Build(), d.B().Incr().Key("a").Build(), d.B().Exec().Build())
			got, err := res[3].AsIntSlice()
			return same(got, []int64{1, 2}, err)
		})
	})
	test("rueidis: pub/sub", func() error {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		go func() {
			for within.Err() == nil {
				time.Sleep(20 * time.Millisecond)
				c.Do(ctx, c.B().Publish().Channel("news").Message("x").Build())
			}
		}()
		o, err := open()
		if err != nil {
			return err
		}
		defer o.Close()
		heard := ""
		err = o.Receive(within, o.B().Subscribe().Channel("news").Build(), func(m rueidis.PubSubMessage) {
			heard = m.Message
			cancel()
		})
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return same(heard, "x", err)
	})
	test("rueidis: scripts and blocking", func() error {
		s := rueidis.NewLuaScript("return redis.call('RPUSH', KEYS[1], ARGV[1])")
		n, err := s.Exec(ctx, c, []string{"q"}, []string{"job"}).AsInt64()
		if err := same(n, int64(1), err); err != nil {
			return err
		}
		got, err := c.Do(ctx, c.B().Blpop().Key("q").Timeout(5).Build()).AsStrSlice()
		return same(got, []string{"q", "job"}, err)
	})
}
