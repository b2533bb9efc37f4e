// `npm run bench:cluster`: what more workers do to a cluster's hit rate, with a cache for each
// worker and with names dealt to workers. A simulation (simulation.ts): it needs no quiet machine.
import { ClusterQueries } from '../../src/load/cluster-queries.ts';
import { table } from '../compare/tables.ts';
import { type Dealing, recordTraffic, simulate } from './simulation.ts';

const RATES = [1000, 5000, 20_000];
const WORKERS = [1, 2, 4, 8, 16];
const DEALINGS: readonly Dealing[] = ['separate', 'by name'];
/** As shipped. */
const ENTRIES = 100_000;
const WARMUP_SECONDS = 40;
const SECONDS = 80;
const HOSTS = 1000;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

for (const rate of RATES) {
  const source = new ClusterQueries({
    hotNames: HOSTS,
    zipfExponent: 1,
    nxdomainShare: 0.02,
    suffix: 'bench.example',
    nxdomainSuffix: 'bench.missing',
    seed: 1,
    randomCase: false,
    ednsShare: 0,
    dnssecShare: 0,
  });
  const traffic = recordTraffic(source, rate, rate * (WARMUP_SECONDS + SECONDS));
  const rows = WORKERS.map((workers) => [
    String(workers),
    ...DEALINGS.flatMap((dealing) => {
      const setting = { workers, dealing, entries: ENTRIES, warmup: rate * WARMUP_SECONDS };
      const { asked, hits, joined, upstream, busiest } = simulate(traffic, setting);
      return [
        percent(hits / asked),
        percent(joined / asked),
        (upstream / asked).toFixed(3),
        percent(busiest),
      ];
    }),
  ]);
  const columns = ['hits', 'joined', 'upstream per query', 'busiest worker'];
  const head = [
    'workers',
    ...DEALINGS.flatMap((dealing) => columns.map((column) => `${dealing}: ${column}`)),
  ];
  console.log(`${table(`${rate.toLocaleString('en')} queries a second`, head, rows)}\n`);
}
