// A CloudFront Function (JavaScript runtime 2.0) for the viewer request of a distribution before Signpost.
//
// Origin access control puts a signature of its own into Authorization on the way to a Function URL. So the client's
// Authorization travels under another name, which `authorization_header` tells the service.
//
// A Function URL keeps only the first address of X-Forwarded-For. So the client's own X-Forwarded-For is removed, and
// the first address is the address that CloudFront appends.

const NAME = "x-signpost-authorization";

function handler(event) {
  const headers = event.request.headers;
  delete headers["x-forwarded-for"];
  delete headers[NAME];
  if (headers.authorization) {
    headers[NAME] = headers.authorization;
  }
  return event.request;
}
