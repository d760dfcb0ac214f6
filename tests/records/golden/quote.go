// Writes what strconv.Quote, and with it fmt's %q and logrus, makes of strings: a line each, the string in
// hexadecimal, a tab, and what it is quoted as. Run it with any Go: go run quote.go > quote.tsv
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"unicode/utf8"
)

// What logs hold, and what readers stumble over: escapes, quotes, marks that turn the direction of writing, the
// edges of UTF-8, and bytes that are none.
var parts = []string{
	"a", " ", "=", "\"", "\\", "\\n", "'", "`", "\n", "\r\n", "\t", "\x00", "\a\b\f\v", "\x1b[31m", "\x7f",
	"\u00a0", "\u00ad", "é", "e\u0301", "\u2028", "\u202e", "\ufeff", "\ufffd", "\uffff", "😀", "\U000e0001", "\U0010ffff",
	"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff\xfe", "\xf0\x9f\x98",
	"time=\"2026-01-05T10:00:00Z\"", "sha256:fa5aaf18", "https://mirror.example.com/v2/?ns=docker.io", "x509: ", "{\"a\":1}",
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	write := func(text string) {
		fmt.Fprintf(out, "%s\t%s\n", hex.EncodeToString([]byte(text)), strconv.Quote(text))
	}
	write("")
	for value := 0; value < 256; value++ {
		write(string([]byte{byte(value)}))
	}
	// both sides of each edge between runes that are written as they are and runes that are escaped
	for value := rune(1); value <= utf8.MaxRune; value++ {
		if strconv.IsPrint(value) != strconv.IsPrint(value-1) {
			write(string([]rune{value - 1, value}))
		}
	}
	chance := rand.New(rand.NewSource(1))
	for count := 0; count < 600; count++ {
		text := ""
		for length := 1 + chance.Intn(8); length > 0; length-- {
			text += parts[chance.Intn(len(parts))]
		}
		write(text)
	}
}
