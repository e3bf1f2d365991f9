// Passkeys: hands what the node asks to the browser, and what the authenticator answers back to the node in the page's own form.

interface Described { id: string; type: "public-key" }
interface Options {
  challenge: string;
  allowCredentials?: Described[];
  excludeCredentials?: Described[];
  user?: { id: string; name: string; displayName: string };
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
}

function text(data: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The node's options with bytes where the browser takes bytes. */
function taken(options: Options): unknown {
  const described = (each: Described): unknown => ({ ...each, id: bytes(each.id) });
  return {
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    ...(options.allowCredentials && { allowCredentials: options.allowCredentials.map(described) }),
    ...(options.excludeCredentials && { excludeCredentials: options.excludeCredentials.map(described) }),
  };
}

/** What the authenticator answered, as the standard spells it in JSON. */
function spelled(found: PublicKeyCredential): string {
  const said = found.response;
  const response: Record<string, string> = { clientDataJSON: text(said.clientDataJSON) };
  if (said instanceof AuthenticatorAttestationResponse) {
    response["attestationObject"] = text(said.attestationObject);
  } else if (said instanceof AuthenticatorAssertionResponse) {
    response["authenticatorData"] = text(said.authenticatorData);
    response["signature"] = text(said.signature);
    if (said.userHandle) {
      response["userHandle"] = text(said.userHandle);
    }
  }
  return JSON.stringify({ id: found.id, rawId: found.id, type: found.type, response });
}

class Refused extends Error {}

async function asked(form: HTMLFormElement): Promise<Options> {
  const held = form.dataset["options"];
  if (held) {
    return JSON.parse(held) as Options;
  }
  const answer = await fetch(form.dataset["begin"] ?? "", { method: "POST", body: new URLSearchParams(new FormData(form) as never) });
  const said: unknown = await answer.json();
  if (!answer.ok) {
    throw new Refused((said as { sentence: string }).sentence);
  }
  return said as Options;
}

async function answered(form: HTMLFormElement): Promise<string> {
  const publicKey = taken(await asked(form));
  const found =
    form.dataset["passkey"] === "make"
      ? await navigator.credentials.create({ publicKey: publicKey as PublicKeyCredentialCreationOptions })
      : await navigator.credentials.get({ publicKey: publicKey as PublicKeyCredentialRequestOptions });
  return found instanceof PublicKeyCredential ? spelled(found) : "";
}

function said(form: HTMLFormElement, error: unknown): string {
  if (error instanceof Refused) {
    return error.message;
  }
  const known = error instanceof DOMException && error.name === "InvalidStateError";
  return (known && form.dataset["known"]) || form.dataset["cancelled"] || "";
}

function prepare(form: HTMLFormElement): void {
  const fault = form.querySelector<HTMLElement>("[data-fault]");
  const credential = form.querySelector<HTMLInputElement>("input[name=credential]");
  const button = form.querySelector("button");
  const tell = (sentence: string): void => {
    if (fault) {
      fault.textContent = sentence;
      fault.hidden = !sentence;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!credential || !button || !("credentials" in navigator) || !("PublicKeyCredential" in window)) {
      tell(form.dataset["unsupported"] ?? "");
      return;
    }
    tell("");
    button.disabled = true;
    answered(form)
      .then((answer) => {
        credential.value = answer;
        form.submit();
      })
      .catch((error: unknown) => {
        button.disabled = false;
        tell(said(form, error));
      });
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
  prepare(form);
}

export {};
