// A SAML identity provider for tests, with samlify's IdP side: prints its metadata, and answers one JSON line on standard input with
// one on standard output. It also serves /sso as a browser sees it: a page that asks who one is, and a form that posts the response.
import http from "node:http";
import readline from "node:readline";
import { createRequire } from "node:module";
import { randomUUID } from "node:crypto";

const samlify = createRequire(import.meta.url)("samlify");
// What is parsed here is what the tests themselves made.
samlify.setSchemaValidator({ validate: async () => "not checked" });

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = JSON.parse((await lines.next()).value);

const template = {
  context: `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{ID}" Version="2.0" IssueInstant="{IssueInstant}" Destination="{Destination}"{ResponseInResponseTo}><saml:Issuer>{Issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="{AssertionID}" Version="2.0" IssueInstant="{IssueInstant}"><saml:Issuer>{Issuer}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{NameID}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{ConfirmedUntil}" Recipient="{Recipient}"{InResponseTo}/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{NotBefore}" NotOnOrAfter="{NotOnOrAfter}">{AudienceRestriction}</saml:Conditions><saml:AuthnStatement AuthnInstant="{IssueInstant}" SessionIndex="{AssertionID}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="Email" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue>{Email}</saml:AttributeValue></saml:Attribute><saml:Attribute Name="FirstName" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue>Ann</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>`,
};

const server = http.createServer(serve);
let idp;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  idp = samlify.IdentityProvider({
    entityID: `${issuer}/metadata`,
    privateKey: told.privateKey,
    signingCert: told.certificate,
    isAssertionEncrypted: false,
    nameIDFormat: ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"],
    requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    singleSignOnService: [
      { Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", Location: `${issuer}/sso` },
      { Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", Location: `${issuer}/sso` },
    ],
  });
  console.log(JSON.stringify({ issuer, metadata: idp.getMetadata() }));
  answerLines();
});

async function answerLines() {
  for await (const line of lines) {
    const asked = JSON.parse(line);
    if (asked.serviceProvider) told.serviceProvider = asked.serviceProvider;
    console.log(JSON.stringify(asked.person ? { response: await respond(asked) } : {}));
  }
}

// asked: { metadata: of the service provider, person: {NameID, Email}, requestId, signed, ...overrides of the template's values }
async function respond(asked) {
  const sp = samlify.ServiceProvider({ metadata: asked.metadata });
  const acs = sp.entityMeta.getAssertionConsumerService("post");
  const now = Date.now();
  const at = (seconds) => new Date(now + seconds * 1000).toISOString();
  const requested = asked.requestId ? ` InResponseTo="${asked.requestId}"` : "";
  const audience = asked.Audience === undefined ? sp.entityMeta.getEntityID() : asked.Audience;
  const values = {
    ID: `_${randomUUID()}`,
    AssertionID: `_${randomUUID()}`,
    Issuer: idp.entityMeta.getEntityID(),
    IssueInstant: at(0),
    Destination: acs,
    Recipient: acs,
    NotBefore: at(-30),
    NotOnOrAfter: at(300),
    ConfirmedUntil: at(300),
    InResponseTo: requested,
    ResponseInResponseTo: requested,
    AudienceRestriction: audience
      ? `<saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction>`
      : "",
    ...asked.person,
    ...Object.fromEntries(Object.entries(asked.values ?? {}).map(([name, value]) => [name, typeof value === "number" ? at(value) : value])),
  };
  const whole = Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), template.context);
  if (asked.signed === "none") return Buffer.from(whole).toString("base64");
  return samlify.SamlLib.constructSAMLSignature({
    rawSamlMessage: whole,
    isMessageSigned: asked.signed === "response",
    isBase64Output: true,
    referenceTagXPath: asked.signed === "response" ? undefined : "/*[local-name(.)='Response']/*[local-name(.)='Assertion']",
    privateKey: asked.privateKey ?? told.privateKey,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    signingCert: idp.entityMeta.getX509Certificate("signing"),
    signatureConfig:
      asked.signed === "response"
        ? { location: { reference: "/*[local-name(.)='Response']/*[local-name(.)='Issuer']", action: "after" } }
        : {
            location: {
              reference: "/*[local-name(.)='Response']/*[local-name(.)='Assertion']/*[local-name(.)='Issuer']",
              action: "after",
            },
          },
  });
}

async function serve(request, response) {
  const url = new URL(request.url, "http://idp");
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  if (request.method === "GET") {
    const message = url.searchParams.get("SAMLRequest") ?? "";
    response.end(
      `<!doctype html><title>Test provider</title><h1>Who are you?</h1>
       <form method="post"><input type="hidden" name="SAMLRequest" value="${message}">
       <label>E-mail <input name="Email"></label><label>NameID <input name="NameID"></label><button>Sign in</button></form>`,
    );
    return;
  }
  let body = "";
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const sp = samlify.ServiceProvider({ metadata: told.serviceProvider });
  const { extract } = await idp.parseLoginRequest(sp, "redirect", { query: { SAMLRequest: form.get("SAMLRequest") } });
  const person = { NameID: form.get("NameID"), Email: form.get("Email") };
  const encoded = await respond({ metadata: told.serviceProvider, person, requestId: extract.request.id });
  response.end(
    `<!doctype html><title>Test provider</title>
     <form method="post" action="${sp.entityMeta.getAssertionConsumerService("post")}">
     <input type="hidden" name="SAMLResponse" value="${encoded}"><button>Continue</button></form>`,
  );
}
