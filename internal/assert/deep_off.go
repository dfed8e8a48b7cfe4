//go:build !deep

package assert

// Deep tells whether the expensive walks run; see the package comment.
const Deep = false
