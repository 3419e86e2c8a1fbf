/*
 * Sends datagrams through a relay and takes them at its other end, as fast as one core can: `udp-load <pairs>` opens for
 * each pair a sender and a receiver on 127.0.0.1, prints their ports, and then does what lines on its standard input say:
 *
 *     ask <sender|receiver> <pair> <port> <hex>      sends, and prints `answer <hex>` or `silence` after 2 s
 *     target <pair> <port> <hex>                     where that sender sends to, and what each datagram begins with
 *     window <datagrams> <bytes> <skip> <ms>         so many under way all the time, in turn by the pairs
 *     rate <per second> <bytes> <skip> <ms>          so many a second
 *
 * `skip`: bytes before the payload as it arrives. The payload is the time of sending, and zeros. After a run it prints
 * `ran <sent> <received> <nanoseconds> <p50 ns> <p99 ns>`; 10 ms of silence count as the loss of all that is under way.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { max_pairs = 1024, max_head = 64, max_datagram = 2048, batch = 32, lost_ns = 10 * 1000 * 1000 };
enum { max_samples = 1 << 22 };

struct pair {
  int sender, receiver;
  struct sockaddr_in target;
  uint8_t head[max_head];
  size_t head_bytes;
};

static struct pair pairs[max_pairs];
static int pair_count;
static int readable;
static uint32_t samples[max_samples];
static size_t sample_count;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int open_socket(void) {
  int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = loopback(0);
  int bytes = 1 << 22;
  if (udp < 0 || bind(udp, (struct sockaddr *)&address, sizeof address) < 0) fail("udp-load: socket");
  setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return udp;
}

static int port_of(int udp) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(udp, (struct sockaddr *)&address, &length) < 0) fail("udp-load: getsockname");
  return ntohs(address.sin_port);
}

static size_t from_hex(const char *text, uint8_t *bytes, size_t most) {
  size_t length = strlen(text) / 2;
  if (length > most) length = most;
  for (size_t i = 0; i < length; i += 1) {
    unsigned value = 0;
    sscanf(text + 2 * i, "%2x", &value);
    bytes[i] = (uint8_t)value;
  }
  return length;
}

static void ask(int udp, int port, const char *hex) {
  uint8_t bytes[max_datagram];
  size_t length = from_hex(hex, bytes, sizeof bytes);
  struct sockaddr_in to = loopback(port);
  struct pollfd wait = {.fd = udp, .events = POLLIN};
  if (sendto(udp, bytes, length, 0, (struct sockaddr *)&to, sizeof to) < 0) fail("udp-load: sendto");
  if (poll(&wait, 1, 2000) <= 0) {
    puts("silence");
    return;
  }
  ssize_t got = recv(udp, bytes, sizeof bytes, 0);
  fputs("answer ", stdout);
  for (ssize_t i = 0; i < got; i += 1) printf("%02x", bytes[i]);
  putchar('\n');
}

static int send_one(struct pair *pair, size_t payload_bytes) {
  uint8_t bytes[max_datagram] = {0};
  uint64_t now = now_ns();
  memcpy(bytes, pair->head, pair->head_bytes);
  memcpy(bytes + pair->head_bytes, &now, sizeof now);
  return sendto(pair->sender, bytes, pair->head_bytes + payload_bytes, 0, (struct sockaddr *)&pair->target,
                sizeof pair->target) > 0;
}

/* Takes what has come, and notes how long it took. */
static unsigned receive(size_t skip, uint64_t begun) {
  struct epoll_event ready[64];
  unsigned received = 0;
  int count = epoll_wait(readable, ready, 64, 0);
  for (int i = 0; i < count; i += 1) {
    uint8_t bytes[batch][max_datagram];
    struct iovec parts[batch];
    struct mmsghdr messages[batch];
    memset(messages, 0, sizeof messages);
    for (int n = 0; n < batch; n += 1) {
      parts[n] = (struct iovec){.iov_base = bytes[n], .iov_len = max_datagram};
      messages[n].msg_hdr = (struct msghdr){.msg_iov = &parts[n], .msg_iovlen = 1};
    }
    int got = recvmmsg(ready[i].data.fd, messages, batch, MSG_DONTWAIT, NULL);
    uint64_t now = now_ns();
    for (int n = 0; n < got; n += 1) {
      uint64_t sent;
      if (messages[n].msg_len < skip + sizeof sent) continue;
      memcpy(&sent, bytes[n] + skip, sizeof sent);
      /* What was late in the run before is not counted in this one. */
      if (sent < begun || sent > now) continue;
      received += 1;
      if (sample_count < max_samples) samples[sample_count++] = (uint32_t)(now - sent);
    }
  }
  return received;
}

static int ascending(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return a < b ? -1 : a > b;
}

static void report(uint64_t sent, uint64_t received, uint64_t took) {
  qsort(samples, sample_count, sizeof *samples, ascending);
  uint32_t p50 = sample_count ? samples[sample_count / 2] : 0;
  uint32_t p99 = sample_count ? samples[sample_count * 99 / 100] : 0;
  printf("ran %llu %llu %llu %u %u\n", (unsigned long long)sent, (unsigned long long)received,
         (unsigned long long)took, p50, p99);
}

static void run_window(unsigned window, size_t bytes, size_t skip, uint64_t run_ns) {
  uint64_t begun = now_ns(), sent = 0, received = 0, heard = begun, now = begun;
  unsigned under_way = 0, turn = 0;
  sample_count = 0;
  while (now < begun + run_ns) {
    while (under_way < window) {
      if (!send_one(&pairs[turn], bytes)) break;
      turn = (turn + 1) % (unsigned)pair_count;
      under_way += 1;
      sent += 1;
    }
    unsigned came = receive(skip, begun);
    now = now_ns();
    received += came;
    under_way -= came < under_way ? came : under_way;
    if (came > 0) heard = now;
    else if (now > heard + lost_ns) {
      under_way = 0;
      heard = now;
    }
  }
  report(sent, received, now - begun);
}

static void run_rate(unsigned per_second, size_t bytes, size_t skip, uint64_t run_ns) {
  uint64_t begun = now_ns(), sent = 0, received = 0, now = begun;
  unsigned turn = 0;
  sample_count = 0;
  /* The last are waited for. */
  while (now < begun + run_ns + lost_ns) {
    uint64_t due = (now - begun) * per_second / 1000000000u;
    while (sent < due && now < begun + run_ns) {
      if (!send_one(&pairs[turn], bytes)) break;
      turn = (turn + 1) % (unsigned)pair_count;
      sent += 1;
    }
    received += receive(skip, begun);
    now = now_ns();
  }
  report(sent, received, run_ns);
}

static void obey(const char *line) {
  static char hex[2 * max_datagram + 1];
  char side[16];
  int index, port;
  unsigned number, bytes, skip, ms;
  if (sscanf(line, "ask %15s %d %d %4096s", side, &index, &port, hex) == 4 && index < pair_count) {
    ask(strcmp(side, "sender") == 0 ? pairs[index].sender : pairs[index].receiver, port, hex);
  } else if (sscanf(line, "target %d %d %4096s", &index, &port, hex) == 3 && index < pair_count) {
    pairs[index].target = loopback(port);
    pairs[index].head_bytes = strcmp(hex, "-") == 0 ? 0 : from_hex(hex, pairs[index].head, max_head);
    puts("ok");
  } else if (sscanf(line, "window %u %u %u %u", &number, &bytes, &skip, &ms) == 4) {
    run_window(number, bytes, skip, (uint64_t)ms * 1000000u);
  } else if (sscanf(line, "rate %u %u %u %u", &number, &bytes, &skip, &ms) == 4) {
    run_rate(number, bytes, skip, (uint64_t)ms * 1000000u);
  } else {
    puts("what?");
  }
  fflush(stdout);
}

int main(int count, char **arguments) {
  pair_count = count > 1 ? atoi(arguments[1]) : 0;
  if (pair_count < 1 || pair_count > max_pairs) return 1;
  readable = epoll_create1(0);
  if (readable < 0) fail("udp-load: epoll_create1");
  for (int i = 0; i < pair_count; i += 1) {
    pairs[i].sender = open_socket();
    pairs[i].receiver = open_socket();
    struct epoll_event event = {.events = EPOLLIN, .data.fd = pairs[i].receiver};
    if (epoll_ctl(readable, EPOLL_CTL_ADD, pairs[i].receiver, &event) < 0) fail("udp-load: epoll_ctl");
    printf("%d %d\n", port_of(pairs[i].sender), port_of(pairs[i].receiver));
  }
  puts("open");
  fflush(stdout);
  char line[2 * max_datagram + 128];
  while (fgets(line, sizeof line, stdin)) obey(line);
  return 0;
}
