// The config of the launchpad: a form made from the job's config types, or the text itself. The text is what is sent.
import { announce, attribute, h, statusMark } from "../dom.ts";
import { postJson } from "../http.ts";
import { editor } from "./fields.ts";
import { hints } from "./hints.ts";
import { markFields } from "./marks.ts";
import { isTable, type Json, type Problem, type Types, type Value } from "./types.ts";

interface Checked {
  valid: boolean;
  // False when the problems may be none: the user's code may fill in what is missing.
  settled: boolean;
  errors: Problem[];
  by: string;
  note: string;
  // The config as the server read it, when it could.
  value: Json | null;
}

const TYPING_MS = 500;
const STRINGS = /"(?:[^"\\]|\\.)*"/g;

class ConfigEditor extends HTMLElement {
  private text!: HTMLTextAreaElement;
  private types: Types = {};
  private root = "";
  private wait = 0;
  private asked: AbortController | null = null;
  private readonly form = h("div", { class: "config-form" });
  private readonly verdict = h("div", { class: "config-verdict", role: "status" });
  private readonly asForm = h("button", { class: "button button-small", type: "button" }, "Form");
  private readonly asText = h("button", { class: "button button-small", type: "button" }, "JSON");

  connectedCallback(): void {
    const text = this.querySelector("textarea");
    if (!text || this.form.isConnected) return;
    this.text = text;
    ({ types: this.types = {}, root: this.root = "" } = read<{ types?: Types; root?: string }>(attribute(this, "data-types")) ?? {});
    this.build();
    const value = this.parsed();
    if (value !== undefined && this.types[this.root]) this.showForm(value);
    else this.showText();
    this.first(read<Checked>(attribute(this, "data-checked")));
  }

  private build(): void {
    const modes = h("div", { class: "config-modes", role: "group", "aria-label": "Edit the config as" }, this.asForm, this.asText);
    modes.hidden = !this.types[this.root];
    this.querySelector("label")?.replaceWith(modes);
    this.text.setAttribute("aria-label", "Config, as JSON or YAML");
    this.append(this.form, this.verdict);
    this.asForm.addEventListener("click", () => void this.toForm());
    this.asText.addEventListener("click", () => this.showText());
    this.text.addEventListener("input", () => this.later());
    this.closest("form")?.addEventListener("keydown", onFormKey);
    this.closest("form")?.addEventListener("change", (event) => {
      if (!this.contains(event.target as Node)) this.later();
    });
  }

  // What the server said about the page that is shown now, or a first question.
  private first(checked: Checked | null): void {
    for (const shown of document.querySelectorAll("[data-server-problems]")) shown.remove();
    if (checked) this.show(checked);
    else void this.check();
  }

  private async toForm(): Promise<void> {
    const value = this.parsed() ?? (await this.check())?.value;
    if (isTable(value ?? undefined) && !isTooExact(this.text.value)) return this.showForm(value as Json);
    this.say("failed", isTooExact(this.text.value) ? "A number here is larger than a form can hold exactly. Edit the text." : "The text cannot be read yet, so there is nothing for a form.");
  }

  private showForm(value: Json): void {
    const change = (next: Value) => {
      this.text.value = JSON.stringify(next ?? {}, null, 2);
      markFields(this.form, hints(this.types, this.root, next ?? {}));
      this.later();
    };
    this.form.replaceChildren(editor(this.types, { type: this.root, value, path: [], standard: "", required: true, change }));
    this.switch(true);
  }

  private showText(): void {
    this.switch(false);
  }

  private switch(toForm: boolean): void {
    this.form.hidden = !toForm;
    this.text.hidden = toForm;
    this.asForm.setAttribute("aria-pressed", String(toForm));
    this.asText.setAttribute("aria-pressed", String(!toForm));
  }

  private parsed(): Json | undefined {
    try {
      const value = JSON.parse(this.text.value.trim() || "{}") as Json;
      return isTable(value) && !isTooExact(this.text.value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  private later(): void {
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => void this.check(), TYPING_MS);
  }

  private async check(): Promise<Checked | null> {
    clearTimeout(this.wait);
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    if (!this.verdict.childElementCount) this.verdict.append(h("span", { class: "muted" }, "Asking your own Dagster…"));
    try {
      const checked = await postJson<Checked>(attribute(this, "data-validate"), this.question(), asked.signal);
      this.show(checked);
      return checked;
    } catch (error) {
      if (!asked.signal.aborted) this.say("warn", `Not checked: ${error instanceof Error ? error.message : "the control plane does not answer"}`);
      return null;
    }
  }

  private question(): Record<string, unknown> {
    const fields = new FormData(this.closest("form") ?? undefined);
    const one = (name: string) => fields.get(name) ?? "";
    return { location: one("location"), job: one("job"), assets: fields.getAll("assets"), ops: fields.getAll("op"), partition: one("partition"), config: this.text.value };
  }

  private show(checked: Checked): void {
    const count = checked.errors.length;
    const words = `${count} problem${count === 1 ? "" : "s"}`;
    if (checked.valid) this.say("success", `Valid, says ${checked.by}`);
    else this.say(checked.settled ? "failed" : "warn", `${words}, says ${checked.by}`);
    if (checked.note) this.verdict.append(h("p", { class: "small muted" }, checked.note));
    const missed = markFields(this.form, [...hints(this.types, this.root, this.parsed() ?? {}), ...checked.errors]);
    if (count) this.verdict.append(problemList(this.form.hidden ? checked.errors : missed.length ? checked.errors : []));
    announce(checked.valid ? "The config is valid" : `${words} in the config`);
  }

  // Said below the form, and beside the button that launches.
  private say(status: string, text: string): void {
    this.verdict.replaceChildren(statusMark(status, text));
    document.querySelector("[data-config-verdict]")?.replaceChildren(statusMark(status, text));
  }
}

// Enter in a field is no launch: Ctrl-Enter is, and the button.
function onFormKey(event: KeyboardEvent): void {
  const isField = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (event.key !== "Enter" || !isField) return;
  const launches = event.ctrlKey || event.metaKey;
  if (launches) (event.currentTarget as HTMLFormElement).requestSubmit();
  if (launches || event.target instanceof HTMLInputElement) event.preventDefault();
}

// Digits that a browser cannot hold: a form would change such a number without a word.
function isTooExact(text: string): boolean {
  return /\d{16}/.test(text.replace(STRINGS, ""));
}

function problemList(problems: Problem[]): HTMLElement {
  const list = h("ul", { class: "config-problems" });
  for (const problem of problems) list.append(h("li", {}, h("code", {}, problem.path.join(".") || "config"), ` ${problem.message}`));
  return list;
}

function read<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : null;
}

customElements.define("config-editor", ConfigEditor);
