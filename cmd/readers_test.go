package cmd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestReadersLikeMaps plays additions and removals on the table of readers and on maps: few
// keys with many readers, among them crowds, and many keys with few.
func TestReadersLikeMaps(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var r readers
		want := make(map[string]map[uint32]bool)
		keys, ids := 1+rnd.IntN(300), 1+rnd.IntN(200)
		items := 0
		for range 20_000 {
			key := fmt.Sprintf("key:%d", rnd.IntN(keys))
			if rnd.IntN(ids+3) != 0 {
				id := uint32(1 + rnd.IntN(ids))
				r.add([]byte(key), id)
				if want[key] == nil {
					want[key] = make(map[uint32]bool)
				}
				if !want[key][id] {
					items++
				}
				want[key][id] = true
			} else {
				got := r.take([]byte(key))
				if len(got) != len(want[key]) || slices.ContainsFunc(got, func(id uint32) bool { return !want[key][id] }) {
					t.Fatalf("seed %d: %s was read by %v, want %v", seed, key, got, want[key])
				}
				items -= len(got)
				delete(want, key)
			}
			if r.keys() != len(want) || r.items != items {
				t.Fatalf("seed %d: %d keys and %d items, want %d and %d", seed, r.keys(), r.items, len(want), items)
			}
		}
		r.t.Check()
		for n := len(want); n > 0; n-- {
			if key := r.random(rnd.Uint64); want[string(key)] == nil || len(r.take(key)) != len(want[string(key)]) {
				t.Fatalf("seed %d: a key drawn at random: %q", seed, key)
			} else {
				delete(want, string(key))
			}
		}
		if r.keys() != 0 || r.items != 0 || r.random(rnd.Uint64) != nil {
			t.Fatalf("seed %d: %d keys are left", seed, r.keys())
		}
	}
}

// TestTopicsLikeMaps has clients take and give up seats at random; who hears what is compared
// with sets, and in the end nothing is left.
func TestTopicsLikeMaps(t *testing.T) {
	h := newHarness(borrowed)
	rnd := rand.New(rand.NewPCG(1, 1))
	type at struct {
		kind topicKind
		name string
	}
	clients := make([]*played, 30)
	want := make(map[*Client]map[at]bool)
	for i := range clients {
		clients[i] = h.dial()
	}
	heard := func(cl *Client) int {
		n := len(h.Gathered(cl))
		h.Sent(cl)
		return n
	}
	for step := range 20_000 {
		p := clients[rnd.IntN(len(clients))]
		cl := p.cl
		if want[cl] == nil {
			want[cl] = make(map[at]bool)
		}
		a := at{topicKind(rnd.IntN(int(topicKinds))), fmt.Sprintf("t%d", rnd.IntN(40))}
		switch rnd.IntN(20) {
		case 0:
			h.topics.leaveAll(cl)
			clear(want[cl])
		case 1, 2, 3, 4, 5, 6, 7, 8:
			if h.topics.leave(cl, a.kind, []byte(a.name)) != want[cl][a] {
				t.Fatalf("step %d: leave %v", step, a)
			}
			delete(want[cl], a)
		default:
			if h.topics.sit(cl, a.kind, []byte(a.name)) == want[cl][a] {
				t.Fatalf("step %d: sit %v", step, a)
			}
			want[cl][a] = true
		}
		if cl.Has(ClientPubSub) != (len(want[cl]) > 0) {
			t.Fatalf("step %d: the flag is %v with %d seats", step, cl.Has(ClientPubSub), len(want[cl]))
		}
		name := fmt.Sprintf("t%d", rnd.IntN(40))
		sum := 0
		for _, kind := range []topicKind{channelTopic, shardTopic} {
			n := h.Server.publish(kind, []byte(name), []byte("x"))
			for _, q := range clients {
				should := want[q.cl][at{kind, name}]
				pattern := kind == channelTopic && want[q.cl][at{patternTopic, name}]
				if b := heard(q.cl); (b > 0) != (should || pattern) {
					t.Fatalf("step %d: client %d heard %d bytes of %s", step, q.cl.ID, b, name)
				}
				for _, is := range []bool{should, pattern} {
					if is {
						n--
					}
				}
			}
			sum += n
			h.Scatter(false)
		}
		if sum != 0 {
			t.Fatalf("step %d: %d receivers too many", step, sum)
		}
	}
	for _, p := range clients {
		p.hangUp()
	}
	ts := &h.topics
	if ts.bytes != 0 || ts.clients != 0 || ts.first != nil || ts.last != nil || h.gathering.holders != 0 {
		t.Errorf("left: %d bytes, %d clients, %d holders", ts.bytes, ts.clients, h.gathering.holders)
	}
}

// TestTrackingLimit has a client read more new keys with each command than are forgotten at
// first: the table still stays near its limit. When the last client that tracked has gone,
// nothing is known any more.
func TestTrackingLimit(t *testing.T) {
	h := newHarness(borrowed)
	h.Cfg.TrackingTableMaxKeys = 100
	p := h.dial()
	say := func(words ...string) {
		var args [][]byte
		for _, w := range words {
			args = append(args, []byte(w))
		}
		if err := p.Send(args); err != nil {
			t.Fatal(err)
		}
	}
	say("CLIENT", "TRACKING", "ON")
	const perCommand, commands = 500, 50
	for i := range commands {
		words := []string{"MGET"}
		for j := range perCommand {
			words = append(words, fmt.Sprintf("key:%d", i*perCommand+j))
		}
		say(words...)
		if n := h.tracking.readers.keys(); n > 5*perCommand {
			t.Fatalf("%d keys after %d commands of %d", n, i+1, perCommand)
		}
	}
	say("CLIENT", "TRACKING", "OFF")
	if h.tracking.readers.keys() == 0 || h.eyes != 1 {
		t.Error("what was read is forgotten too early")
	}
	p.hangUp()
	if n := h.tracking.readers.keys(); n != 0 || h.eyes != 0 {
		t.Errorf("%d keys are known when everybody has gone, %d have an eye on keys", n, h.eyes)
	}
}
