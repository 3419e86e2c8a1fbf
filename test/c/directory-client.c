/*
 * A client of the peer directory as one was written in C: plain structs, sent as they lie in memory.
 *
 *   directory-client SERVER PORT
 *
 * Commands, one a line, on standard input; what happens, one a line, on standard output:
 *
 *   up NAME               ack PORT | nack                   then it is called on that port
 *   down | dump           done
 *   alive                 ack PORT | nack
 *   who                   peer NAME ADDRESS PORT ...  who COUNT
 *   shutdown              nack | gone
 *   call NAME             agreed NAME | declined NAME | unreachable NAME
 *   yes | no | ring       how the next callers are answered; ring: not at all
 *   say TEXT | end        done
 *   deaf                  done                              reads nothing more of its chat
 *   raw HEX | rawchat HEX bytes to the server, or into the chat: closed | answered N
 *   keep                  keeps its next connection to the server open, and uses it from then on
 *   bytes                 sends every byte by itself
 *   sloppy                leaves newlines on names and texts, counts the NUL, and sends a text in two pieces
 *
 * and of itself: called NAME ADDRESS PORT, text TEXT, ended, lost.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define C_NAME 24
#define C_TEXT 1024

enum {
  MSG_ERR = 0, MSG_UP = 1, MSG_DOWN = 2, MSG_ALIVE = 11, MSG_ACK = 12, MSG_NACK = 13, MSG_WHO = 21, MSG_HDR = 22,
  MSG_PEER = 23, MSG_CONN = 31, MSG_RESP = 32, MSG_TEXT = 33, MSG_END = 34, MSG_DUMP = 91, MSG_SHUTDOWN = 92
};

struct msg_plain { int type; };
struct msg_up { int type; struct in_addr addr; char name[C_NAME + 1]; };
struct msg_place { int type; struct in_addr addr; unsigned short port; };
struct msg_ack { int type; unsigned short port; };
struct msg_hdr { int type; int count; };
struct msg_peer { int type; struct in_addr addr; unsigned short port; char name[C_NAME + 1]; };
struct msg_resp { int type; int agree; };
struct msg_text { int type; int size; char text[C_TEXT]; };

_Static_assert(sizeof(struct msg_plain) == 4, "");
_Static_assert(sizeof(struct msg_up) == 36, "");
_Static_assert(sizeof(struct msg_place) == 12, "");
_Static_assert(sizeof(struct msg_ack) == 8, "");
_Static_assert(sizeof(struct msg_hdr) == 8, "");
_Static_assert(sizeof(struct msg_peer) == 36, "");
_Static_assert(sizeof(struct msg_resp) == 8, "");

static struct sockaddr_in server;
static char own_name[C_NAME + 1];
static unsigned short own_port;
static struct msg_peer peers[200];
static int peer_count;
static int listening = -1, chat = -1, kept = -1, ringing = -1;
static int keep, bytewise, sloppy, deaf, answer = 1;
static char chat_name[C_NAME + 1];

static void send_all(int sd, const void *data, size_t size) {
  size_t step = bytewise ? 1 : size;
  for (size_t at = 0; at < size; at += step) {
    if (send(sd, (const char *)data + at, step, 0) < 0) return;
    if (bytewise) usleep(200);
  }
}

/* Returns 0 when the connection ended before all was there. */
static int recv_all(int sd, void *data, size_t size) {
  size_t at = 0;
  while (at < size) {
    ssize_t got = recv(sd, (char *)data + at, size - at, 0);
    if (got <= 0) return 0;
    at += (size_t)got;
  }
  return 1;
}

static int dial(struct sockaddr_in to) {
  int sd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(sd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(sd, (struct sockaddr *)&to, sizeof to) == 0) return sd;
  close(sd);
  return -1;
}

static int open_server(void) {
  if (kept >= 0) return kept;
  int sd = dial(server);
  if (sd < 0) { printf("no server\n"); exit(1); }
  if (keep) kept = sd;
  return sd;
}

static void close_server(int sd) {
  if (sd != kept) close(sd);
}

static void name_to(char *field, const char *name) {
  memset(field, 0x7f, C_NAME + 1); /* whatever was there before */
  snprintf(field, C_NAME + 1, sloppy ? "%s\n" : "%s", name);
}

/* ACK or NACK */
static int read_answer(int sd) {
  struct msg_ack ack;
  if (!recv_all(sd, &ack.type, sizeof ack.type)) { printf("closed\n"); return 0; }
  if (ack.type == MSG_NACK) { printf("nack\n"); return 0; }
  if (ack.type != MSG_ACK || !recv_all(sd, (char *)&ack + 4, sizeof ack - 4)) { printf("odd %d\n", ack.type); return 0; }
  own_port = ack.port;
  printf("ack %d\n", ack.port);
  return 1;
}

static void up(const char *name) {
  struct msg_up msg;
  memset(&msg, 0x55, sizeof msg);
  msg.type = MSG_UP;
  msg.addr.s_addr = 0;
  name_to(msg.name, name);
  int sd = open_server();
  send_all(sd, &msg, sizeof msg);
  snprintf(own_name, sizeof own_name, "%s", name);
  if (read_answer(sd)) {
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(own_port) };
    int on = 1;
    listening = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    inet_aton("127.0.0.1", &own.sin_addr);
    if (bind(listening, (struct sockaddr *)&own, sizeof own) < 0 || listen(listening, 5) < 0) printf("cannot listen\n");
  }
  close_server(sd);
}

static void place(int type) {
  struct msg_place msg;
  memset(&msg, 0x55, sizeof msg);
  msg.type = type;
  msg.addr.s_addr = 0;
  msg.port = own_port;
  int sd = open_server();
  send_all(sd, &msg, sizeof msg);
  if (type == MSG_ALIVE) read_answer(sd);
  else printf("done\n");
  close_server(sd);
}

static void who(void) {
  struct msg_plain ask = { MSG_WHO };
  struct msg_hdr head;
  int sd = open_server();
  send_all(sd, &ask, sizeof ask);
  if (!recv_all(sd, &head, sizeof head) || head.type != MSG_HDR) { printf("no list\n"); close_server(sd); return; }
  peer_count = 0;
  for (int i = 0; i < head.count; i++) {
    struct msg_peer *peer = &peers[peer_count++];
    if (!recv_all(sd, peer, sizeof *peer) || peer->type != MSG_PEER) { printf("list cut short\n"); return; }
    printf("peer %s %s %d\n", peer->name, inet_ntoa(peer->addr), peer->port);
  }
  printf("who %d\n", head.count);
  close_server(sd);
}

static void plain(int type) {
  struct msg_plain msg = { type }, reply;
  int sd = open_server();
  send_all(sd, &msg, sizeof msg);
  if (type == MSG_SHUTDOWN) printf(recv_all(sd, &reply, sizeof reply) && reply.type == MSG_NACK ? "nack\n" : "gone\n");
  else printf("done\n");
  close_server(sd);
}

static void call(const char *name) {
  for (int i = 0; i < peer_count; i++) {
    if (strcmp(peers[i].name, name) != 0) continue;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = peers[i].addr, .sin_port = htons(peers[i].port) };
    struct msg_peer msg;
    struct msg_resp resp;
    memset(&msg, 0x55, sizeof msg);
    msg.type = MSG_CONN;
    msg.addr.s_addr = 0;
    msg.port = own_port;
    name_to(msg.name, own_name);
    int sd = dial(to);
    if (sd < 0) { printf("unreachable %s\n", name); return; }
    send_all(sd, &msg, sizeof msg);
    if (recv_all(sd, &resp, sizeof resp) && resp.type == MSG_RESP && resp.agree == 1) {
      chat = sd;
      snprintf(chat_name, sizeof chat_name, "%s", name);
      printf("agreed %s\n", name);
    } else {
      close(sd);
      printf("declined %s\n", name);
    }
    return;
  }
  printf("no peer %s\n", name);
}

static void say(const char *text) {
  struct msg_text msg;
  msg.type = MSG_TEXT;
  if (sloppy) {
    msg.size = snprintf(msg.text, sizeof msg.text, "%s\n", text) + 1;
    send_all(chat, &msg, 8);
    usleep(1000);
    send_all(chat, msg.text, (size_t)msg.size);
  } else {
    msg.size = snprintf(msg.text, sizeof msg.text, "%s", text);
    send_all(chat, &msg, 8 + (size_t)msg.size);
  }
  printf("done\n");
}

static void hang_up(const char *why) {
  close(chat);
  chat = -1;
  printf("%s\n", why);
}

static void hear(void) {
  struct msg_text msg;
  if (!recv_all(chat, &msg.type, 4)) { hang_up("lost"); return; }
  if (msg.type == MSG_END) { hang_up("ended"); return; }
  if (msg.type != MSG_TEXT || !recv_all(chat, &msg.size, 4) || msg.size < 0 || msg.size > C_TEXT - 1 ||
      !recv_all(chat, msg.text, (size_t)msg.size)) { hang_up("odd"); return; }
  msg.text[msg.size] = '\0';
  printf("text %s\n", msg.text);
}

static void answered(void) {
  struct msg_peer msg;
  struct msg_resp resp;
  int sd = accept(listening, NULL, NULL), on = 1;
  setsockopt(sd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!recv_all(sd, &msg, sizeof msg) || msg.type != MSG_CONN) { close(sd); return; }
  printf("called %s %s %d\n", msg.name, inet_ntoa(msg.addr), msg.port);
  if (answer == 2) { ringing = sd; return; }
  memset(&resp, 0x55, sizeof resp);
  resp.type = MSG_RESP;
  resp.agree = answer && chat < 0;
  send_all(sd, &resp, sizeof resp);
  if (!resp.agree) { close(sd); return; }
  chat = sd;
  snprintf(chat_name, sizeof chat_name, "%s", msg.name);
}

static void raw(int sd, const char *hex) {
  char data[4096];
  size_t size = 0;
  for (unsigned byte; size < sizeof data && sscanf(hex + 2 * size, "%2x", &byte) == 1; size++) data[size] = (char)byte;
  send(sd, data, size, 0);
}

static void raw_server(const char *hex) {
  int sd = dial(server), got = 0;
  char byte;
  raw(sd, hex);
  while (recv(sd, &byte, 1, 0) == 1) got++;
  if (got) printf("answered %d\n", got);
  else printf("closed\n");
  close(sd);
}

static void command(char *line) {
  line[strcspn(line, "\n")] = '\0';
  char *rest = strchr(line, ' ');
  if (rest) *rest++ = '\0';
  else rest = line + strlen(line);
#define IS(word) (strcmp(line, word) == 0)
  if (IS("up")) up(rest);
  else if (IS("down")) { place(MSG_DOWN); if (listening >= 0) close(listening); listening = -1; }
  else if (IS("alive")) place(MSG_ALIVE);
  else if (IS("who")) who();
  else if (IS("dump")) plain(MSG_DUMP);
  else if (IS("shutdown")) plain(MSG_SHUTDOWN);
  else if (IS("call")) call(rest);
  else if (IS("yes")) answer = 1;
  else if (IS("no")) answer = 0;
  else if (IS("ring")) answer = 2;
  else if (IS("say") && chat >= 0) say(rest);
  else if (IS("end") && chat >= 0) { struct msg_plain end = { MSG_END }; send_all(chat, &end, sizeof end); hang_up("done"); }
  else if (IS("deaf")) { deaf = 1; printf("done\n"); }
  else if (IS("raw")) raw_server(rest);
  else if (IS("rawchat") && chat >= 0) raw(chat, rest);
  else if (IS("keep")) keep = 1;
  else if (IS("bytes")) bytewise = 1;
  else if (IS("sloppy")) sloppy = 1;
  else printf("what? %s\n", line);
}

int main(int argc, char **argv) {
  static char line[8192];
  if (argc != 3) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0); /* so that poll tells of every line */
  signal(SIGPIPE, SIG_IGN);
  server.sin_family = AF_INET;
  server.sin_port = htons((unsigned short)atoi(argv[2]));
  inet_aton(argv[1], &server.sin_addr);
  for (;;) {
    struct pollfd fds[4] = {
      { .fd = STDIN_FILENO, .events = POLLIN },
      { .fd = listening, .events = POLLIN },
      { .fd = deaf ? -1 : chat, .events = POLLIN },
      { .fd = ringing, .events = POLLIN },
    };
    if (poll(fds, 4, -1) < 0) return 1;
    if (fds[2].revents) hear();
    if (fds[3].revents) {
      struct msg_plain end;
      printf(recv_all(ringing, &end, sizeof end) && end.type == MSG_END ? "ended\n" : "lost\n");
      close(ringing);
      ringing = -1;
    }
    if (fds[1].revents) answered();
    if (fds[0].revents) {
      if (!fgets(line, sizeof line, stdin)) return 0;
      command(line);
    }
  }
}
