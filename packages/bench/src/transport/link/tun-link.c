/*
 * A network link in user space: owns one TUN device in each of two network namespaces and carries packets between them
 * with a delay, random loss, a rate and a drop-tail queue, the same in both directions but each with its own.
 *
 *   tun-link <namespace a> <namespace b> <device>
 *
 * says "ready" once both devices exist, and then obeys lines on standard input:
 *
 *   set <one-way delay, us> <loss, parts in a million> <rate, bit/s or 0> <queue, bytes or 0> <seed>
 *       forgets what is under way and all counters; answers "ok"
 *   stats
 *       answers one line of JSON
 *
 * It ends with its standard input. A rate of 0 is none; a queue of 0 holds whatever comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
  packet_room = 1536,    /* the devices have an MTU of 1,500 */
  slots = 32768,         /* under way in one direction: 45 MB, far more than 25 ms at any rate that Node reaches */
  packets_a_turn = 64,   /* before the other direction has its turn */
  late_us = 1000,        /* a packet that leaves so long after its time is counted */
  line_room = 256,
};

struct packet {
  uint64_t due_ns;
  uint32_t bytes;
  unsigned char data[packet_room];
};

struct direction {
  int from, to;
  struct packet *ring;
  uint32_t head, count;
  /* The rate: when the last byte of what was accepted so far has left the bottleneck. */
  uint64_t free_at_ns;
  uint64_t random;
  uint64_t packets, bytes, lost, dropped, overflowed, refused, late, worst_late_us;
};

static struct direction directions[2];
static uint64_t delay_ns, rate_bps, queue_bytes;
static uint32_t loss_ppm;
static int is_realtime;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* A TUN device belongs to the namespace of the process at the time it opens /dev/net/tun. */
static int open_tun(const char *namespace, const char *device) {
  char path[128];
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) die(path);
  close(ns);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) die("TUNSETIFF");
  return fd;
}

static void accept_packet(struct direction *d, struct packet *p, uint64_t now) {
  d->packets += 1;
  if (next_random(&d->random) % 1000000u < loss_ppm) {
    d->lost += 1;
    return;
  }
  uint64_t leaves = now;
  if (rate_bps > 0) {
    uint64_t start = d->free_at_ns > now ? d->free_at_ns : now;
    /* What still waits for the bottleneck, this packet apart. */
    uint64_t waiting = (start - now) * rate_bps / 8000000000u;
    if (queue_bytes > 0 && waiting + p->bytes > queue_bytes) {
      d->dropped += 1;
      return;
    }
    leaves = d->free_at_ns = start + p->bytes * UINT64_C(8000000000) / rate_bps;
  }
  p->due_ns = leaves + delay_ns;
  d->bytes += p->bytes;
  d->count += 1;
}

/* Returns 1 while there may be more. */
static int take_in(struct direction *d) {
  for (int i = 0; i < packets_a_turn; i++) {
    if (d->count == slots) {
      static unsigned char sink[packet_room];
      if (read(d->from, sink, sizeof sink) <= 0) return 0;
      d->packets += 1;
      d->overflowed += 1;
      continue;
    }
    struct packet *p = &d->ring[(d->head + d->count) % slots];
    ssize_t got = read(d->from, p->data, packet_room);
    /* EIO: the device is not up yet. */
    if (got <= 0) return 0;
    p->bytes = (uint32_t)got;
    accept_packet(d, p, now_ns());
  }
  return 1;
}

static void let_out(struct direction *d) {
  uint64_t now = now_ns();
  while (d->count > 0) {
    struct packet *p = &d->ring[d->head];
    if (p->due_ns > now) return;
    uint64_t late = (now - p->due_ns) / 1000u;
    if (late > late_us) d->late += 1;
    if (late > d->worst_late_us) d->worst_late_us = late;
    if (write(d->to, p->data, p->bytes) < 0) d->refused += 1;
    d->head = (d->head + 1) % slots;
    d->count -= 1;
    now = now_ns();
  }
}

static void reset(uint64_t seed) {
  for (int i = 0; i < 2; i++) {
    struct direction *d = &directions[i];
    struct direction fresh = {.from = d->from, .to = d->to, .ring = d->ring, .random = seed * 2 + (uint64_t)i};
    *d = fresh;
  }
}

static void print_stats(void) {
  printf("{\"realtime\":%s,\"directions\":[", is_realtime ? "true" : "false");
  for (int i = 0; i < 2; i++) {
    struct direction *d = &directions[i];
    printf("%s{\"packets\":%llu,\"carriedBytes\":%llu,\"lost\":%llu,\"dropped\":%llu,\"overflowed\":%llu,"
           "\"refused\":%llu,\"late\":%llu,\"worstLateMicros\":%llu}",
           i ? "," : "", (unsigned long long)d->packets, (unsigned long long)d->bytes, (unsigned long long)d->lost,
           (unsigned long long)d->dropped, (unsigned long long)d->overflowed, (unsigned long long)d->refused,
           (unsigned long long)d->late, (unsigned long long)d->worst_late_us);
  }
  printf("]}\n");
}

static void obey(const char *line) {
  unsigned long long delay_us, rate, queue, seed;
  unsigned loss;
  if (strcmp(line, "stats") == 0) {
    print_stats();
  } else if (sscanf(line, "set %llu %u %llu %llu %llu", &delay_us, &loss, &rate, &queue, &seed) == 5) {
    delay_ns = delay_us * 1000u;
    loss_ppm = loss;
    rate_bps = rate;
    queue_bytes = queue;
    reset(seed);
    printf("ok\n");
  } else {
    fprintf(stderr, "not understood: %s\n", line);
    exit(2);
  }
}

/* Returns 0 when standard input has ended. */
static int read_commands(void) {
  static char buffer[line_room];
  static size_t used;
  ssize_t got = read(STDIN_FILENO, buffer + used, sizeof buffer - 1 - used);
  if (got <= 0) return 0;
  used += (size_t)got;
  buffer[used] = 0;
  char *end;
  while ((end = strchr(buffer, '\n'))) {
    *end = 0;
    obey(buffer);
    used -= (size_t)(end + 1 - buffer);
    memmove(buffer, end + 1, used + 1);
  }
  if (used == sizeof buffer - 1) exit(2);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: tun-link <namespace a> <namespace b> <device>\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  int a = open_tun(argv[1], argv[3]), b = open_tun(argv[2], argv[3]);
  directions[0].from = directions[1].to = a;
  directions[0].to = directions[1].from = b;
  for (int i = 0; i < 2; i++) {
    void *ring = mmap(NULL, slots * sizeof(struct packet), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED) die("mmap");
    directions[i].ring = ring;
  }
  reset(1);
  /* A link does not wait until the ends have finished computing. It sleeps until the next packet is due. */
  struct sched_param priority = {.sched_priority = 10};
  is_realtime = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
  prctl(PR_SET_TIMERSLACK, 1ul);
  printf("ready\n");

  for (;;) {
    int more = 0;
    for (int i = 0; i < 2; i++) {
      more |= take_in(&directions[i]);
      let_out(&directions[i]);
    }
    uint64_t next = UINT64_MAX, now = now_ns();
    for (int i = 0; i < 2; i++) {
      struct direction *d = &directions[i];
      if (d->count > 0 && d->ring[d->head].due_ns < next) next = d->ring[d->head].due_ns;
    }
    uint64_t wait = more || next <= now ? 0 : next - now;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    struct pollfd sources[] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (ppoll(sources, 3, next == UINT64_MAX && !more ? NULL : &timeout, NULL) < 0 && errno != EINTR) die("ppoll");
    if (sources[2].revents && !read_commands()) return 0;
    /* The namespaces are gone. */
    if ((sources[0].revents | sources[1].revents) & (POLLERR | POLLHUP | POLLNVAL)) return 0;
  }
}
