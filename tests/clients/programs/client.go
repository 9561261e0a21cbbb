// Go's net/http: client METHOD [NAME VALUE] asks for $TARGET with one header and writes `out`; FILE uploads `in`, PIPE its
// input, and BASIC sends $ID and $SECRET.
package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
)

func main() {
	method, body := os.Args[1], io.Reader(nil)
	input, _ := os.Open("in")
	switch method {
	case "FILE":
		method, body = "PUT", input
	case "PIPE":
		piped, _ := io.ReadAll(os.Stdin)
		method, body = "PUT", bytes.NewReader(piped)
	case "BASIC":
		method = "GET"
	}
	request, err := http.NewRequest(method, os.Getenv("TARGET"), body)
	if err != nil {
		panic(err)
	}
	switch os.Args[1] {
	case "FILE":
		info, _ := input.Stat()
		request.ContentLength = info.Size()
		request.GetBody = func() (io.ReadCloser, error) { return os.Open("in") }
	case "BASIC":
		request.SetBasicAuth(os.Getenv("ID"), os.Getenv("SECRET"))
	}
	if len(os.Args) > 3 {
		request.Header.Set(os.Args[2], os.Args[3])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	output, _ := os.Create("out")
	if method == "HEAD" {
		answer.Header.Write(output)
	}
	io.Copy(output, answer.Body)
}
