package cmd

import "testing"

// BenchmarkEval runs scripts in process, sixteen at a time, as a pipeline does.
func BenchmarkEval(b *testing.B) {
	for _, r := range []struct {
		name, script string
		args         []string
	}{
		{"get", "return redis.call('GET',KEYS[1])", []string{"1", "k"}},
		{"incr-expire", "local n = redis.call('INCR',KEYS[1]) redis.call('EXPIRE',KEYS[1],ARGV[1]) return n", []string{"1", "c", "60"}},
		{"window", `local now, w = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE',KEYS[1],0,now-w)
local n = redis.call('ZCARD',KEYS[1])
if n < tonumber(ARGV[3]) then
  redis.call('ZADD',KEYS[1],now,now) redis.call('PEXPIRE',KEYS[1],w) return 1
end
return 0`, []string{"1", "lim", "1700000000000", "60000", "100"}},
		{"add-1000", "local n = 0 for i = 1, 1000 do n = n + i end return n", []string{"0"}},
	} {
		b.Run(r.name, func(b *testing.B) {
			h := newHarness(owned)
			p := h.dial()
			p.do("SET", "k", "v")
			s, err := h.scripting.engine.Load([]byte(r.script))
			if err != nil {
				b.Fatal(err)
			}
			batch := make([]Request, 16)
			for i := range batch {
				for _, w := range append([]string{"EVALSHA", s.SHA}, r.args...) {
					batch[i].Args = append(batch[i].Args, []byte(w))
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += 16 {
				h.Prepare(p.cl.DB, batch)
				for j := range batch {
					h.Execute(p.cl, &batch[j])
				}
				p.cl.Out.B = p.cl.Out.B[:0]
			}
		})
	}
}
