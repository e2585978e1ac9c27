// Works out the sum of a sign-up in workers of ALTCHA, then sends the form. Where a browser cannot (no worker, no
// SubtleCrypto because the page came over plain HTTP), the page stays as it is: its button lets the letter wait.
const form = document.querySelector("form[data-sum]");
const MINUTE = 60_000; // ms, before a sum is given up

function work(sum, workers) {
  return new Promise((resolve, reject) => {
    workers.forEach((worker, number) => {
      worker.onmessage = ({ data }) => (data && !data.error ? resolve(data) : reject(data?.error));
      worker.onerror = reject;
      const part = { counterStart: number, counterStep: workers.length };
      worker.postMessage({ type: "work", challenge: sum, timeout: MINUTE, ...part });
    });
  });
}

async function prove() {
  const sum = JSON.parse(form.dataset.sum);
  const count = Math.min(navigator.hardwareConcurrency || 1, 4);
  const workers = Array.from({ length: count }, () => new Worker(form.dataset.worker));
  try {
    const solution = await work(sum, workers);
    form.elements.altcha.value = btoa(JSON.stringify({ challenge: sum, solution }));
    form.submit();
  } finally {
    workers.forEach((worker) => worker.terminate());
  }
}

function show(isWorking) {
  for (const part of document.querySelectorAll("[data-while]"))
    part.hidden = (part.dataset.while === "working") !== isWorking;
}

if (form && window.Worker && window.crypto?.subtle) {
  show(true);
  prove().catch(() => show(false));
}
