// Go's net/http: client METHOD [NAME VALUE] asks for $TARGET with one header and writes `out`; FILE and PIPE upload `in`.
package main

import (
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
		reader, writer := io.Pipe()
		go func() { io.Copy(writer, input); writer.Close() }()
		method, body = "PUT", reader
	}
	request, err := http.NewRequest(method, os.Getenv("TARGET"), body)
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "FILE" {
		info, _ := input.Stat()
		request.ContentLength = info.Size()
		request.GetBody = func() (io.ReadCloser, error) { return os.Open("in") }
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
