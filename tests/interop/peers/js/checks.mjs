// Things tried one after the other: a JSON object a line for each, {"name", "ok", "error"}.
const seconds = 30
let failed = 0

function within (promise) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${seconds} s`)), seconds * 1000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export async function check (name, body) {
  const said = { name, ok: true }
  try {
    await within(body())
  } catch (error) {
    failed += 1
    said.ok = false
    said.error = String(error.stack ?? error).slice(0, 2000)
  }
  console.log(JSON.stringify(said))
}

/// With 1 if something failed. The libraries hold their connections, so that nothing ends by itself.
export function end () {
  process.exit(failed === 0 ? 0 : 1)
}
