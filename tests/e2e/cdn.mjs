// A CDN before an entry point: each answer of the origin passes through the Lambda@Edge function of docs/cdn.
// node cdn.mjs ORIGIN prints the port that it listens on.

import http from "node:http";
import { handler } from "../../docs/cdn/restore-headers.mjs";

const origin = process.argv[2];

// Lambda@Edge's form of headers: by the name in lower case, a list of names and values.
const edgeHeaders = (raw) => {
  const headers = {};
  for (let index = 0; index < raw.length; index += 2) {
    (headers[raw[index].toLowerCase()] ??= []).push({ key: raw[index], value: raw[index + 1] });
  }
  return headers;
};

const server = http.createServer((request, answer) => {
  const { method, url, headers } = request;
  const upstream = http.request(origin + url, { method, headers }, async (response) => {
    const { statusCode, rawHeaders } = response;
    const edge = { status: String(statusCode), headers: edgeHeaders(rawHeaders) };
    const { headers: restored } = await handler({ Records: [{ cf: { response: edge } }] });
    answer.writeHead(statusCode, Object.values(restored).flatMap((values) => values.flatMap(({ key, value }) => [key, value])));
    response.pipe(answer);
  });
  upstream.on("error", () => answer.destroy());
  request.pipe(upstream);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
