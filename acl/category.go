// Package acl knows who may do what: command categories and, once they come, users and
// their rules.
package acl

// Category is a set of command categories, as `ACL CAT` lists them.
type Category uint32

// The categories, in Redis's order.
const (
	Keyspace Category = 1 << iota
	Read
	Write
	Set
	SortedSet
	List
	Hash
	String
	Bitmap
	HyperLogLog
	Geo
	Stream
	PubSub
	Admin
	Fast
	Slow
	Blocking
	Dangerous
	Connection
	Transaction
	Scripting
)

// Names returns the names of all categories; that of 1<<i stands at i.
func Names() []string {
	return []string{"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
		"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
		"connection", "transaction", "scripting"}
}

// Parse returns the category of this name, without the @.
func Parse(name string) (Category, bool) {
	for i, n := range Names() {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// List returns the names of the categories in c.
func (c Category) List() []string {
	var out []string
	for i, n := range Names() {
		if c>>i&1 != 0 {
			out = append(out, n)
		}
	}
	return out
}
