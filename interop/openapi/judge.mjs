// Says of each OpenAPI document in a file, as one line of JSON, what two validators find wrong with it.
import { readFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Validator } from '@seriousme/openapi-schema-validator'

const config = await createConfig({ extends: ['recommended'] })
for (const file of process.argv.slice(2)) {
  const source = readFileSync(file, 'utf8')
  const schema = new Validator()
  const result = await schema.validate(JSON.parse(source))
  const found = await lintFromString({ source, absoluteRef: file, config })
  console.log(JSON.stringify({
    file,
    version: schema.version,
    schema: result.valid ? [] : result.errors,
    errors: found.filter((f) => f.severity === 'error').map((f) => `${f.ruleId}: ${f.message} ${f.location[0]?.pointer ?? ''}`),
    warnings: found.filter((f) => f.severity !== 'error').map((f) => `${f.ruleId}: ${f.message}`),
  }))
}
