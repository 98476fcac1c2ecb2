// `<live-page data-source="…">`: keeps the page live. Server-sent events; polling when they cannot be had; heals by itself.
import { attribute } from "../dom.ts";
import { tell, type Subject } from "./bus.ts";
import { showConnection } from "./connection.ts";
import { refreshParts } from "./parts.ts";

const SUBJECTS: Subject[] = ["run", "steps", "events", "logs", "runs"];
const POLL_MS = 2000;
// Quiet hiccups heal within this and need no words.
const PATIENCE_MS = 2500;
const RETRY_MS = 3000;

class LivePage extends HTMLElement {
  private source: EventSource | null = null;
  private poll = 0;
  private complaint = 0;
  private retry = 0;
  private wasOpen = false;
  private stopParts = () => {};

  connectedCallback(): void {
    this.stopParts = refreshParts();
    this.connect();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  disconnectedCallback(): void {
    this.stop();
    this.stopParts();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  private readonly onVisibility = () => {
    if (document.visibilityState === "visible") tell("everything");
  };

  private connect(): void {
    const source = new EventSource(attribute(this, "data-source"));
    this.source = source;
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed());
    for (const subject of SUBJECTS) source.addEventListener(subject, () => tell(subject));
    source.addEventListener("end", () => this.ended());
  }

  private opened(): void {
    this.calm();
    showConnection(null);
    // Whatever happened while there was no connection; the first time, the page itself is that new.
    if (this.wasOpen) tell("everything");
    this.wasOpen = true;
  }

  private failed(): void {
    this.complaint ||= window.setTimeout(() => showConnection("Not live: reconnecting. What you see may be old."), PATIENCE_MS);
    this.poll ||= window.setInterval(() => tell("everything"), POLL_MS);
    if (this.source?.readyState === EventSource.CLOSED) this.retry ||= window.setTimeout(() => this.again(), RETRY_MS);
  }

  private again(): void {
    this.retry = 0;
    this.source?.close();
    this.connect();
  }

  // The run is over: nothing more will come.
  private ended(): void {
    this.stop();
    tell("everything");
    showConnection(null);
  }

  private calm(): void {
    clearTimeout(this.complaint);
    clearTimeout(this.retry);
    clearInterval(this.poll);
    this.complaint = this.retry = this.poll = 0;
  }

  private stop(): void {
    this.source?.close();
    this.source = null;
    this.calm();
  }
}

customElements.define("live-page", LivePage);
