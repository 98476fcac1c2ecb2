// JSON from our own pages. A refusal carries the server's sentence.
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function getJson<T>(address: string | URL, signal?: AbortSignal): Promise<T> {
  return read<T>(await fetch(address, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) }));
}

export async function postJson<T>(address: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  return read<T>(await fetch(address, { method: "POST", headers, body: JSON.stringify(body), ...(signal ? { signal } : {}) }));
}

export function withQuery(address: string, query: Record<string, string | number | null | undefined>): URL {
  const url = new URL(address, location.href);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  return url;
}

function csrfToken(): string {
  const headers: unknown = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  return String((headers as Record<string, unknown>)["X-CSRFToken"] ?? "");
}

async function read<T>(response: Response): Promise<T> {
  if (response.redirected && new URL(response.url).pathname.startsWith("/sign-in")) location.reload();
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  if (!response.ok) throw new Refused(response.status, isJson ? firstDetail(await response.json()) : await response.text());
  return (await response.json()) as T;
}

function firstDetail(body: unknown): string {
  const errors = (body as { errors?: { detail?: string }[] }).errors;
  return errors?.[0]?.detail ?? "The control plane refused this.";
}
