/** Lines of code to copy. */
import { html, useState } from "../dom.js";

export function Snippet({ code }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(code).then(() => setCopied(true), () => setCopied(false));
  return html`
    <div class="snippet">
      <pre tabindex="0">${code}</pre>
      <button onClick=${copy}>${copied ? "copied" : "copy"}</button>
    </div>`;
}

/** The code that would fill an empty page. @param {string} project */
export const exampleCode = (project) => `import trialog

run = trialog.init(project=${JSON.stringify(project)}, config={"lr": 1e-3},
                   settings={"base_url": ${JSON.stringify(location.origin)}})
for step in range(100):
    run.log({"loss": 1 / (step + 1)})
run.finish()`;
