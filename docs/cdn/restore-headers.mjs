// A Lambda@Edge function for the origin response of a CloudFront distribution before the REST API or the Function URL.
//
// Both rename WWW-Authenticate on its way out. This gives it back its name, so that clients that wait for a challenge
// (wget, lftp, Ansible) send their key. A viewer-response function cannot do it: CloudFront invokes none for a status of 400 or higher.

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
