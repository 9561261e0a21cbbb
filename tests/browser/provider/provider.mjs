// Two OpenID providers on one port of this machine, at /corp and /other: the certified oidc-provider.
//
// The argument is JSON: `port`; `certificate`, the path of a PEM file with the key; `client_secret`, `redirect_uris` and
// `post_logout_redirect_uris` of the client "signpost"; `crowd`, the groups of the account "crowd". The first line on the
// standard output says that the server listens. Each line on the standard input is JSON for `state`, and is answered with
// a line of all requests since the last one.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const pem = readFileSync(options.certificate);

// `ahead`: the seconds by which the clock is ahead. `refuse`: an error in place of each sign-in. `answers`: for the end of a
// path, the status and the body in place of the answer.
let state = {};
let requests = [];

const now = Date.now;
Date.now = () => now() + (state.ahead ?? 0) * 1000;

const account = (id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    email: `${id}@example.com`,
    email_verified: true,
    groups: { many: Array.from({ length: 130 }, (_, number) => `group-${number}`), crowd: options.crowd }[id] ?? ["staff"],
  }),
});

const page = (title, content) => `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${content}`;

function makeProvider(name) {
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const provider = new Provider(`https://127.0.0.1:${options.port}/${name}`, {
    jwks: { keys: [{ ...key, kid: name, alg: "RS256", use: "sig" }] },
    clients: [
      {
        client_id: "signpost",
        client_secret: options.client_secret,
        redirect_uris: options.redirect_uris,
        post_logout_redirect_uris: options.post_logout_redirect_uris,
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    pkce: { required: () => true },
    scopes: ["openid", "email", "profile"],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
    conformIdTokenClaims: false, // so the ID token has the claims of the scopes
    findAccount: (_, id) => account(id),
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    expiresWithSession: () => false, // each sign-in has a grant of its own, and a session has only the last grant
    // Without keys: each sign-in has two cookies, with keys four, and Chromium keeps 180 cookies of a host.
    cookies: {
      names: { session: `${name}_session`, interaction: `${name}_interaction`, resume: `${name}_resume` },
    },
    ttl: { Session: 86_400, Interaction: 86_400, Grant: 86_400, AccessToken: 600, AuthorizationCode: 60, IdToken: 600 },
    interactions: { url: (_, { uid }) => `/${name}/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        logoutSource: (ctx, form) => {
          const button = '<button form="op.logoutForm" name="logout" value="yes">Sign out</button>';
          ctx.body = page(`Sign out of ${name}?`, form + button);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page(`Signed out of ${name}`, "");
        },
      },
    },
  });
  return provider;
}

const providers = { corp: makeProvider("corp"), other: makeProvider("other") };

// The page that asks who the person is. Where another tab has told it, the request of this tab begins again: each
// interaction that finishes gives the session another id, so tabs that finish at once would lose the session.
async function interact(provider, name, request, response) {
  const finish = (result) => provider.interactionFinished(request, response, result);
  const { params } = await provider.interactionDetails(request, response); // throws where another browser began
  const { id } = await fields(request);
  if (state.refuse) return finish({ error: state.refuse, error_description: "refused" });
  if (id) return finish({ login: { accountId: id } });
  const session = await provider.Session.get(provider.app.createContext(request, response));
  if (session.accountId) {
    return response.writeHead(303, { Location: `/${name}/auth?${new URLSearchParams(params)}` }).end();
  }
  response.setHeader("Content-Type", "text/html");
  response.end(page("Who are you?", '<form method="post"><label>Account <input name="id"></label><button>Go</button></form>'));
}

async function fields(request) {
  if (request.method !== "POST") return {};
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  request.body = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
  return request.body; // oidc-provider takes the body from here
}

async function answer(request, response) {
  const url = new URL(request.url, "https://127.0.0.1");
  const [, name, ...rest] = url.pathname.split("/");
  const seen = { path: url.pathname, query: Object.fromEntries(url.searchParams), form: {} };
  requests.push(seen);
  const prepared = Object.entries(state.answers ?? {}).find(([end]) => url.pathname.endsWith(end))?.[1];
  if (prepared) {
    response.writeHead(prepared.status, { "Content-Type": "application/json", ...prepared.headers }).end(prepared.body);
  } else if (!(name in providers)) {
    response.writeHead(404).end();
  } else if (rest[0] === "interaction") {
    await interact(providers[name], name, request, response);
  } else {
    if (rest[0] === "token") seen.form = await fields(request);
    request.originalUrl = request.url;
    request.url = request.url.slice(name.length + 1);
    await providers[name].callback()(request, response);
  }
}

const server = createServer({ key: pem, cert: pem }, (request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
});
server.listen(options.port, "127.0.0.1", () => console.log("{}"));
createInterface({ input: process.stdin })
  .on("line", (line) => {
    state = JSON.parse(line);
    console.log(JSON.stringify(requests.splice(0)));
  })
  .on("close", () => process.exit());
