// Command faulty stands between permledger and a signer program, and does to its answers what a file says: nothing, "die",
// "hang", "wrong" (another signature), "garbage" or "refuse". For tests.
//
//	faulty FILE PROGRAM ARGUMENT…
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		os.Exit(1)
	}
	answers := bufio.NewReader(out)
	for asked := bufio.NewReader(os.Stdin); ; {
		line, err := asked.ReadString('\n')
		if err != nil {
			in.Close()
			_ = cmd.Wait()
			return
		}
		if _, err := io.WriteString(in, line); err != nil {
			os.Exit(1)
		}
		text, err := answers.ReadString('\n')
		if err != nil {
			os.Exit(1)
		}
		fmt.Print(spoil(line, text))
	}
}

func spoil(line, text string) string {
	fault, _ := os.ReadFile(os.Args[1])
	signs := strings.Contains(line, `"sign":`)
	purpose, _, _ := strings.Cut(strings.TrimSpace(string(fault)), " of ")
	if _, of, ok := strings.Cut(strings.TrimSpace(string(fault)), " of "); ok && !strings.Contains(line, `"purpose":"`+of+`"`) {
		return text
	}
	switch {
	case !signs:
	case purpose == "die":
		os.Exit(3)
	case purpose == "hang":
		_, _ = io.Copy(io.Discard, os.Stdin) // listens, and answers nothing
	case purpose == "garbage":
		return "{}{}\n"
	case purpose == "refuse":
		return `{"error":"not today"}` + "\n"
	case purpose == "wrong":
		var a map[string]string
		if json.Unmarshal([]byte(text), &a) == nil {
			sig, _ := base64.StdEncoding.DecodeString(a["signature"])
			sig[0] ^= 1
			return `{"signature":"` + base64.StdEncoding.EncodeToString(sig) + `"}` + "\n"
		}
	}
	return text
}
