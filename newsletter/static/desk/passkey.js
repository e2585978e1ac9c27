// Passkeys: asks the browser to make one or to sign with one, and posts the answer with the form it belongs to.
// A form says what it wants in data-passkey (create, get), and where the options are in data-options. Without
// this script, or in a browser that has no passkeys, its button stays hidden.

const READS = { create: "parseCreationOptionsFromJSON", get: "parseRequestOptionsFromJSON" };

async function answer(form) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const asked = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!asked.ok) throw new Error(String(asked.status));
  const { passkey } = form.dataset;
  const publicKey = PublicKeyCredential[READS[passkey]]((await asked.json()).publicKey);
  return (await navigator.credentials[passkey]({ publicKey })).toJSON();
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  const button = form.querySelector("[data-passkey-button]");
  const trouble = form.querySelector("[data-passkey-trouble]");
  if (!button || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) continue;
  form.querySelector("[data-passkey-part]").hidden = false;
  button.addEventListener("click", async () => {
    if (form.dataset.passkey === "create" && !form.reportValidity()) return;
    trouble.hidden = true;
    try {
      form.querySelector("[name$=credential]").value = JSON.stringify(await answer(form));
      form.submit();
    } catch {
      trouble.hidden = false;
      button.focus();
    }
  });
}
