// What changed, by subject, to whoever shows it. `live/page.ts` fills it from server-sent events, or by polling.
export type Subject = "run" | "steps" | "events" | "logs" | "runs";

export function tell(subject: Subject | "everything"): void {
  document.dispatchEvent(new CustomEvent("live", { detail: subject }));
}

// Calls back when one of the subjects changed; bursts become one call, and calls never overlap faster than the screen.
export function onLive(subjects: Subject[], callback: () => void): () => void {
  let scheduled = 0;
  const listener = (event: Event) => {
    const subject = (event as CustomEvent<Subject | "everything">).detail;
    if (subject !== "everything" && !subjects.includes(subject)) return;
    scheduled ||= window.setTimeout(() => {
      scheduled = 0;
      callback();
    }, COALESCE_MS);
  };
  document.addEventListener("live", listener);
  return () => document.removeEventListener("live", listener);
}

const COALESCE_MS = 40;
