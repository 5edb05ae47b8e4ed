import { createScenarioServer, type Surroundings } from './scenario-server.ts'

let answer: ReturnType<typeof createScenarioServer> | undefined

const worker = {
  fetch(request: Request, env: Surroundings, context: unknown): Promise<Response> {
    // Where a Worker starts it may make no random numbers, and it is told where things are only now.
    answer ??= createScenarioServer(env)
    return answer(request, env, context)
  },
}

// How workerd finds it.
export { worker as default }
