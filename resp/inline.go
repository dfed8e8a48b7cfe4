package resp

// SplitLine splits a line into words as redis-cli and the configuration file do:
// blanks part words; "..." knows \n \r \t \b \a \xHH and \c for any other c; '...'
// knows \' alone. A closing quote must be followed by a blank or the end. Words
// without quotes point into line, others are copies. It appends to dst and reports
// false, dst unchanged, when a quote is not closed.
func SplitLine(line []byte, dst [][]byte) ([][]byte, bool) {
	was := len(dst)
	var copies []byte // of all quoted words: together they are no longer than the line
	for i := 0; ; {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			return dst, true
		}
		start := i
		for i < len(line) && !isBlank(line[i]) && line[i] != '"' && line[i] != '\'' && line[i] != 0 {
			i++
		}
		if i == len(line) || isBlank(line[i]) || line[i] == 0 {
			dst = append(dst, line[start:i:i])
			continue
		}
		if copies == nil {
			copies = make([]byte, 0, len(line))
		}
		begin := len(copies)
		copies = append(copies, line[start:i]...)
		var ok bool
		if copies, i, ok = quoted(line, i, copies); !ok {
			return dst[:was], false
		}
		dst = append(dst, copies[begin:len(copies):len(copies)])
	}
}

// quoted continues a word in which a quote stands at line[i].
func quoted(line []byte, i int, word []byte) ([]byte, int, bool) {
	for i < len(line) && !isBlank(line[i]) && line[i] != 0 {
		quote := line[i]
		i++
		if quote != '"' && quote != '\'' {
			word = append(word, quote)
			continue
		}
		for {
			if i >= len(line) {
				return nil, 0, false
			}
			c := line[i]
			i++
			if c == quote {
				if i < len(line) && !isBlank(line[i]) {
					return nil, 0, false
				}
				break
			}
			if c == '\\' && i < len(line) {
				switch {
				case quote == '\'' && line[i] == '\'':
					c = '\''
					i++
				case quote == '"':
					c, i = escape(line, i)
				}
			}
			word = append(word, c)
		}
	}
	return word, i, true
}

// escape reads what follows a backslash at line[i-1] inside double quotes.
func escape(line []byte, i int) (byte, int) {
	c := line[i]
	if c == 'x' && i+2 < len(line) {
		hi, lo := hex(line[i+1]), hex(line[i+2])
		if hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), i + 3
		}
	}
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'b':
		c = '\b'
	case 'a':
		c = '\a'
	}
	return c, i + 1
}

func isBlank(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
