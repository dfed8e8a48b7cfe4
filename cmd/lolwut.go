package cmd

import (
	"strings"

	"redust/config"
	"redust/resp"
)

func lolwutCommands() []*Command {
	return []*Command{
		{
			Name: "lolwut", Arity: -1, Run: lolwut,
			Flags: ReadOnly | Fast,
			Doc: Doc{Group: "server", Since: "5.0.0", Complexity: "O(columns * rows)",
				Summary: "Draws dust as it settles, and states the version.", Syntax: "[VERSION version]"},
		},
	}
}

// lolwut draws an elementary cellular automaton over a handful of dust: each row of dots
// follows from the row above by one rule about three neighbours (Wolfram, 1983). VERSION
// chooses the rule, else chance does; two more numbers are the columns and rows of
// characters.
func lolwut(c *Ctx) error {
	const mostColumns, mostRows = 200, 100
	size := [2]int{40, 12}
	args := c.Args[1:]
	seed := c.Random()
	if len(args) >= 2 && fold(args[0], "VERSION") {
		n, ok := resp.ParseInt(args[1])
		if !ok {
			return ErrNotInt
		}
		seed, args = uint64(n), args[2:]
	}
	for i := range min(len(args), len(size)) {
		n, ok := resp.ParseInt(args[i])
		if !ok {
			if fold(args[i], "VERSION") {
				break // without a number it is only a word
			}
			return ErrNotInt
		}
		size[i] = int(max(n, 1))
	}
	text := dust(min(size[0], mostColumns), min(size[1], mostRows), seed, c.Random)
	c.Out.Verbatim("txt", text+"\nRedis ver. "+config.RedisVersion+"\n")
	return nil
}

// dust draws columns by rows characters, each of two by four dots.
func dust(columns, rows int, seed uint64, random func() uint64) string {
	rules := [...]uint8{30, 45, 73, 90, 105, 110, 150, 169}
	rule := rules[seed%uint64(len(rules))]
	width := 2 * columns
	cells, next := make([]bool, width), make([]bool, width)
	cells[width/2] = true
	for range width / 10 {
		cells[random()%uint64(width)] = true
	}
	line := make([]rune, columns)
	var b strings.Builder
	for range rows {
		clear(line)
		for y := range 4 {
			for x, on := range cells {
				if on {
					line[x/2] |= dot(x%2, y)
				}
				left, right := cells[(x+width-1)%width], cells[(x+1)%width]
				next[x] = rule>>(bit(left)<<2|bit(on)<<1|bit(right))&1 == 1
			}
			cells, next = next, cells
		}
		for _, dots := range line {
			b.WriteRune(0x2800 + dots)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// dot is the bit that stands for the dot at x, y in a Braille character, as Unicode
// numbers them: the upper three rows column by column, then the lowest row.
func dot(x, y int) rune {
	if y == 3 {
		return 0x40 << x
	}
	return 1 << (3*x + y)
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
