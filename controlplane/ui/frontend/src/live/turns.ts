// One at a time, and never too few: who asks while the work goes on has it done once more, for what is being read now may be older than
// what they were told of. So no answer overtakes a newer one, and no change is missed.
export function inTurn(work: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  let goesOn = false;
  let again = false;
  const all = async () => {
    try {
      do {
        again = false;
        try {
          await work();
        } catch (error) {
          // The next turn may go better.
          if (!again) throw error;
        }
      } while (again);
    } finally {
      // Here, and not once the promise is settled: who asks between the two would wait for a turn that does not come.
      goesOn = false;
    }
  };
  return () => {
    again = true;
    if (!goesOn) {
      goesOn = true;
      running = all();
    }
    return running;
  };
}
