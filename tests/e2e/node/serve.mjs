// Lets a test drive a Node library: reads {"command", "args"} a line, writes {"result"} or {"error"}.
import readline from "node:readline";

export async function serve(commands) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, args } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await outcome(commands[command], args))}\n`);
  }
  process.exit(0);
}

async function outcome(command, args) {
  try {
    return { result: (await command(...args)) ?? null };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}
