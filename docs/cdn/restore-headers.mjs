// A Lambda@Edge function for the origin response of a CloudFront distribution before the REST API.
//
// API Gateway renames WWW-Authenticate on its way out; this gives it back its name, so that browsers ask for a key. A
// viewer-response function cannot do it: CloudFront invokes none for a status of 400 or higher.

const RENAMED = "x-amzn-remapped-www-authenticate";

export const handler = async (event) => {
  const { response } = event.Records[0].cf;
  const challenge = response.headers[RENAMED];
  if (challenge) {
    response.headers["www-authenticate"] = challenge.map(({ value }) => ({ key: "WWW-Authenticate", value }));
    delete response.headers[RENAMED];
  }
  return response;
};
