// `<passkey-form>`: a form whose `credential` a security key fills in. The button says which ceremony: `create` or `get`.
// Options come with the page (#passkey-options), or from the address in `data-options`.
import { getJson } from "./http.ts";

interface Options {
  creation_options?: { publicKey: PublicKeyCredentialCreationOptionsJSON };
  request_options?: { publicKey: PublicKeyCredentialRequestOptionsJSON };
}

class PasskeyForm extends HTMLElement {
  connectedCallback(): void {
    const button = this.querySelector<HTMLButtonElement>("[data-ceremony]");
    if (button) this.ready(button);
    // Enter in a field would send the form without a credential.
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (button) void this.perform(button);
    });
  }

  // The page comes with the button disabled: a click before this would do nothing and say nothing.
  private ready(button: HTMLButtonElement): void {
    button.addEventListener("click", () => void this.perform(button));
    button.disabled = false;
    if (button.autofocus) button.focus();
  }

  private get form(): HTMLFormElement {
    return this.querySelector("form") as HTMLFormElement;
  }

  private async perform(button: HTMLButtonElement): Promise<void> {
    this.say("");
    button.disabled = true;
    try {
      const credential = await this.credential(button.dataset["ceremony"] === "create");
      (this.form.elements.namedItem("credential") as HTMLInputElement).value = JSON.stringify(credential);
      this.form.submit();
    } catch (error) {
      this.say(explain(error));
      button.disabled = false;
    }
  }

  private async credential(create: boolean): Promise<PublicKeyCredentialJSON> {
    if (!("PublicKeyCredential" in window)) throw new Error("This browser, or this address without https, has no security keys.");
    const options = await this.options();
    const made = create ? await this.created(options) : await shown(options);
    if (!(made instanceof PublicKeyCredential)) throw new Error("The browser gave no key.");
    return made.toJSON();
  }

  private created(options: Options): Promise<Credential | null> {
    const wanted = options.creation_options?.publicKey;
    if (!wanted) throw new Error("The page holds no options for a new key. Reload it.");
    const alone = this.form.querySelector<HTMLInputElement>("[name=passwordless]")?.checked ?? false;
    const selection: AuthenticatorSelectionCriteria = {
      ...wanted.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      ...(alone ? { userVerification: "required" } : {}),
    };
    const json = { ...wanted, authenticatorSelection: selection };
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(json) });
  }

  private async options(): Promise<Options> {
    const address = this.dataset["options"];
    if (address) return getJson<Options>(address);
    return JSON.parse(this.querySelector("#passkey-options")?.textContent ?? "{}") as Options;
  }

  private say(text: string): void {
    const line = this.querySelector<HTMLElement>("[data-problem]");
    if (!line) return;
    line.textContent = text;
    line.hidden = text === "";
  }
}

function shown(options: Options): Promise<Credential | null> {
  const wanted = options.request_options?.publicKey;
  if (!wanted) throw new Error("The server gave no options. Reload the page.");
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(wanted) });
}

function explain(error: unknown): string {
  if (!(error instanceof DOMException)) return error instanceof Error ? error.message : String(error);
  if (error.name === "NotAllowedError") return "No key was used: it was cancelled, took too long, or the key is not known here.";
  if (error.name === "InvalidStateError") return "This key is added already.";
  return error.message;
}

customElements.define("passkey-form", PasskeyForm);
