/**
 * The public entry `steplock/testing`: for tests of plans, controllers and orchestrators, without a server and without
 * waiting.
 */
export { TestEngine, type TestEngineOptions } from './testing/test-engine.js';
export {
  scripted,
  ScriptedController,
  type Script,
  type ScriptedCall,
} from './testing/scripted-controller.js';
export { Trail, type RecordedCall } from './testing/trail.js';
