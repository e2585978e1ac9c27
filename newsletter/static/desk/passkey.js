// Passkeys: asks the browser to make one or to sign with one, and posts the answer with the form it belongs to.
// A form says what it wants in data-passkey (create, get), and where the options are in data-options. Without
// this script, or in a browser that has no passkeys, its button stays hidden.

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
const listed = (credentials) => credentials?.map((one) => ({ ...one, id: bytes(one.id) }));

// Binary parts travel as base64url: W3C Web Authentication Level 3, section 5.1.
function read({ publicKey }) {
  const options = { ...publicKey, challenge: bytes(publicKey.challenge) };
  if (options.user) options.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) options.allowCredentials = listed(options.allowCredentials);
  if (options.excludeCredentials) options.excludeCredentials = listed(options.excludeCredentials);
  return { publicKey: options };
}

function written(credential) {
  const { id, type, rawId, response } = credential;
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = parts.filter((name) => response[name]).map((name) => [name, text(response[name])]);
  return {
    id,
    type,
    rawId: text(rawId),
    response: Object.fromEntries(given),
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function answer(form) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const asked = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!asked.ok) throw new Error(String(asked.status));
  return written(await navigator.credentials[form.dataset.passkey](read(await asked.json())));
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  const button = form.querySelector("[data-passkey-button]");
  const trouble = form.querySelector("[data-passkey-trouble]");
  if (!button || !window.PublicKeyCredential) continue;
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
