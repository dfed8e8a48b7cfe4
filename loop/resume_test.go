package loop

import (
	"testing"
	"time"

	"redust/cmd"
)

// somebodyWaits returns when a client waits for a key.
func (r *rig) somebodyWaits() {
	for some := false; !some; {
		r.on(func() {
			for _, c := range r.s.clients {
				some = some || c.Flags&cmd.ClientBlocked != 0
			}
		})
	}
}

// What a client had pipelined behind a wait is run while replies are being sent. Who tracks
// what that changes hears of it at once, and not when the executor is next woken, by cron.
func TestBroadcastAfterWait(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		tracks, waits, pushes := r.dial(), r.dial(), r.dial()
		tracks.say("HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX k\r\n")
		for line := ""; line != "+OK\r\n"; {
			var err error
			if line, err = tracks.r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		const rounds = 20
		slow := 0
		for range rounds {
			waits.say("BLPOP q 0\r\nSET k 1\r\n")
			r.somebodyWaits()
			from := time.Now()
			pushes.say("RPUSH q x\r\n")
			tracks.hears(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
			if time.Since(from) > 20*time.Millisecond {
				slow++
			}
		}
		if slow > rounds/2 {
			t.Errorf("%d of %d invalidations took more than 20 ms", slow, rounds)
		}
	})
}

// What the executor did for itself in front of a command is not the command's time: neither
// a task in the same round, nor what came before a client goes on that has waited.
func TestTimeIsTheCommands(t *testing.T) {
	const pause = 50 * time.Millisecond // SLOWLOG takes what lasts 10
	both(t, func(t *testing.T, r *rig) {
		c, looks := r.dial(), r.dial()
		begun := make(chan bool)
		r.s.Post(func() { close(begun); time.Sleep(pause) })
		<-begun
		r.s.Post(func() { time.Sleep(pause) })
		c.say("GET k\r\n") // in one round with the second
		c.hears("$-1\r\n")
		c.say("BLPOP q 0\r\nGET k\r\n")
		r.somebodyWaits()
		r.on(func() {
			push := r.s.Cmd.Connect(0, nil)
			push.Flags |= cmd.ClientAuthed | cmd.ClientInternal
			reqs := []cmd.Request{{Args: [][]byte{[]byte("RPUSH"), []byte("q"), []byte("x")}}}
			r.s.Cmd.Prepare(push.DB, reqs)
			r.s.Cmd.Execute(push, &reqs[0])
			time.Sleep(pause)
		})
		looks.say("SLOWLOG LEN\r\n")
		looks.hears(":0\r\n")
	})
}
