/** Every route, in the scope that reads its body: JSON, or the bytes as they come. */
import { routeFacts } from './abode/facts.ts';
import { routeImageSizes } from './abode/image-sizes.ts';
import { routeMemory } from './abode/memory.ts';
import { routeVms } from './abode/vms.ts';
import { acceptBytes, acceptJson } from './body.ts';
import { routeArchive } from './containers/archive.ts';
import { routeAttachWebSocket } from './containers/attach-websocket.ts';
import { routeAttach } from './containers/attach.ts';
import { routeChanges } from './containers/changes.ts';
import { routeCreate } from './containers/create.ts';
import { routeExport } from './containers/export.ts';
import { routeInspect } from './containers/inspect.ts';
import { routeKill } from './containers/kill.ts';
import { routeList } from './containers/list.ts';
import { routeLogs } from './containers/logs.ts';
import { routePause } from './containers/pause.ts';
import { routePrune } from './containers/prune.ts';
import { routeRemove } from './containers/remove.ts';
import { routeRename } from './containers/rename.ts';
import { routeResize } from './containers/resize.ts';
import { routeRestart } from './containers/restart.ts';
import { routeStart } from './containers/start.ts';
import { routeStats } from './containers/stats.ts';
import { routeStop } from './containers/stop.ts';
import { routeTop } from './containers/top.ts';
import { routeUnpause } from './containers/unpause.ts';
import { routeUpdate } from './containers/update.ts';
import { routeWait } from './containers/wait.ts';
import type { Api, ApiContext } from './context.ts';
import { routeExecCreate } from './exec/create.ts';
import { routeExecInspect } from './exec/inspect.ts';
import { routeExecResize } from './exec/resize.ts';
import { routeExecStart } from './exec/start.ts';
import { routeImageCreate } from './images/create.ts';
import { routeHistory } from './images/history.ts';
import { routeImageInspect } from './images/inspect.ts';
import { routeImageList } from './images/list.ts';
import { routeLoad } from './images/load.ts';
import { routeImagePrune } from './images/prune.ts';
import { routeImageRemove } from './images/remove.ts';
import { routeSave } from './images/save.ts';
import { routeTag } from './images/tag.ts';
import { routeMetrics } from './metrics/metrics.ts';
import { routeNetworkInspect } from './networks/inspect.ts';
import { routeNetworkList } from './networks/list.ts';
import { refuseSwarm } from './swarm.ts';
import { routeAuth } from './system/auth.ts';
import { routeDiskUsage } from './system/disk-usage.ts';
import { routeEvents } from './system/events.ts';
import { routeInfo } from './system/info.ts';
import { routePing } from './system/ping.ts';
import { routeBuildPrune } from './system/prune-build.ts';
import { routeVersion } from './system/version.ts';
import { refuseUnsupported } from './unsupported.ts';
import { routeVolumeCreate } from './volumes/create.ts';
import { routeVolumeInspect } from './volumes/inspect.ts';
import { routeVolumeList } from './volumes/list.ts';
import { routeVolumePrune } from './volumes/prune.ts';
import { routeVolumeRemove } from './volumes/remove.ts';

type Route = (api: Api, context: ApiContext) => void;

const JSON_ROUTES: readonly Route[] = [
  routeVersion,
  routeInfo,
  routeEvents,
  routeDiskUsage,
  routeBuildPrune,
  routeCreate,
  routeList,
  routeInspect,
  routeStart,
  routeStop,
  routeRestart,
  routeKill,
  routePause,
  routeUnpause,
  routeRename,
  routeWait,
  routeRemove,
  routePrune,
  routeLogs,
  routeChanges,
  routeExport,
  routeTop,
  routeUpdate,
  routeStats,
  routeResize,
  routeExecCreate,
  routeExecStart,
  routeExecInspect,
  routeExecResize,
  routeImageList,
  routeImageInspect,
  routeHistory,
  routeSave,
  routeImageRemove,
  routeTag,
  routeImagePrune,
  routeNetworkList,
  routeNetworkInspect,
  routeVolumeList,
  routeVolumeCreate,
  routeVolumeInspect,
  routeVolumeRemove,
  routeVolumePrune,
  routeVms,
  routeMemory,
  routeFacts,
  routeImageSizes,
  routeMetrics,
];
const BYTE_ROUTES: readonly Route[] = [
  routePing,
  routeAttach,
  routeArchive,
  routeAttachWebSocket,
  routeLoad,
  routeImageCreate,
  routeAuth,
  refuseSwarm,
  refuseUnsupported,
];

export function registerRoutes(api: Api, context: ApiContext): void {
  api.register((scope: Api, _options, done) => {
    acceptJson(scope);
    for (const route of JSON_ROUTES) route(scope, context);
    done();
  });
  api.register((scope: Api, _options, done) => {
    acceptBytes(scope);
    for (const route of BYTE_ROUTES) route(scope, context);
    done();
  });
}
