/** Logging in with an API key; a link with a code in its fragment needs no typing. */
import { html, useState } from "../dom.js";
import { post } from "../api.js";

/** Use the code of a login link, if the address has one, and take it out of the address; says why it did not work. */
export async function useLoginLink() {
  const found = /^#login=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return post("session", { code: found[1] }).then(() => null, (error) => error.message);
}

/** @param {{onDone: () => void, failed: string|null}} props what went wrong with a login link */
export function LoginView({ onDone, failed }) {
  const [key, setKey] = useState("");
  const [wrong, setWrong] = useState(failed);
  const submit = (event) => {
    event.preventDefault();
    post("session", { api_key: key.trim() }).then(onDone, (error) => setWrong(error.message));
  };
  return html`
    <main class="login">
      <h1>trialog</h1>
      <p>Log in with an API key. Whoever started this server has one in${" "}
        <code>~/.config/trialog/credentials.json</code>; the link that the server printed works without.</p>
      <form onSubmit=${submit}>
        <label for="api-key">API key</label>
        <input id="api-key" type="password" autocomplete="off" placeholder="tl_…" value=${key} data-testid="api-key"
          onInput=${(event) => setKey(event.target.value)} />
        <button class="primary" data-testid="log-in">log in</button>
        ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      </form>
    </main>`;
}
