// A certified OpenID Connect provider for tests: prints its port, signs everybody in as told by the address of the sign-in.
// node oidc.js <issuer's host> ; the clients, people and ways to misbehave come as one JSON line on standard input.
import http from "node:http";
import readline from "node:readline";
import Provider from "oidc-provider";

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = JSON.parse((await lines.next()).value);

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const people = new Map(told.people.map((person) => [person.sub, person]));
  const provider = new Provider(issuer, {
    clients: told.clients.map((client) => ({
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
      ...client,
    })),
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: told.userinfo === true,
    pkce: { required: () => true },
    cookies: { keys: ["tests"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, sub) => people.has(sub) && { accountId: sub, claims: () => people.get(sub) },
    loadExistingGrant: async (context) => {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    const form = /^\/interaction\/([\w-]+)$/.exec(request.url);
    if (!form) return answer(request, response);
    if (request.method === "GET") return ask(response);
    const body = new URLSearchParams(await text(request));
    return provider.interactionFinished(request, response, { login: { accountId: body.get("sub") } });
  });
  console.log(JSON.stringify({ issuer }));
});

function ask(response) {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(
    `<!doctype html><title>Test provider</title><h1>Who are you?</h1>
     <form method="post"><label>Subject <input name="sub"></label><button>Sign in</button></form>`,
  );
}

async function text(stream) {
  let whole = "";
  for await (const piece of stream) whole += piece;
  return whole;
}
