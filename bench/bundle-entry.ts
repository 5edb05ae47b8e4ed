export * from 'creditgate'
export * from 'creditgate/hono'
