/*
 * A client of the pair chat, written from the table of its protocol alone: plain sockets, one recv() for one message,
 * and a buffer of 256 bytes, as was usual.
 *
 *   pair-client <address> <port> first     reads the greeting, then writes, then reads, in turns
 *   pair-client <address> <port> second    reads, then writes, in turns
 *   pair-client <address> <port> hasty     writes whatever it is told at once, and reads whatever comes
 *
 * What it is to write comes in lines on standard input. It prints a line for each message, and `closed` at the end.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAXLINE 256

static int connectTo(const char *address, const char *port) {
  struct sockaddr_in server;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  memset(&server, 0, sizeof server);
  server.sin_family = AF_INET;
  server.sin_port = htons(atoi(port));
  inet_pton(AF_INET, address, &server.sin_addr);
  if (connect(s, (struct sockaddr *)&server, sizeof server) < 0) {
    perror("connect");
    exit(1);
  }
  return s;
}

/* One message into the buffer; 0 when the server has closed. */
static int receiveOne(int s, char *buffer) {
  int n;
  memset(buffer, 0, MAXLINE);
  n = recv(s, buffer, MAXLINE, 0);
  if (n <= 0) return 0;
  printf("%s\n", buffer);
  fflush(stdout);
  return 1;
}

static void inTurns(int s, int isMyTurn) {
  char line[MAXLINE];
  char message[MAXLINE];
  if (isMyTurn && !receiveOne(s, message)) return;
  for (;;) {
    if (isMyTurn) {
      if (fgets(line, sizeof line, stdin) == NULL) return;
      send(s, line, strlen(line), 0);
      if (strncmp(line, "exit", 4) == 0) return;
    } else {
      if (!receiveOne(s, message)) return;
      if (strncmp(message, "exit", 4) == 0) return;
    }
    isMyTurn = !isMyTurn;
  }
}

static void hasty(int s) {
  char bytes[4096];
  struct pollfd watched[2] = {{.fd = 0, .events = POLLIN}, {.fd = s, .events = POLLIN}};
  for (;;) {
    poll(watched, 2, -1);
    if (watched[0].revents != 0) {
      int n = read(0, bytes, sizeof bytes);
      if (n <= 0) watched[0].fd = -1;
      else send(s, bytes, n, 0);
    }
    if (watched[1].revents != 0) {
      int n = recv(s, bytes, sizeof bytes, 0);
      if (n <= 0) return;
      for (int i = 0; i < n; i += 1) putchar(bytes[i] == '\0' ? '\n' : bytes[i]);
      fflush(stdout);
    }
  }
}

int main(int argc, char **argv) {
  int s;
  if (argc != 4) return 2;
  s = connectTo(argv[1], argv[2]);
  if (strcmp(argv[3], "hasty") == 0) hasty(s);
  else inTurns(s, strcmp(argv[3], "first") == 0);
  close(s);
  puts("closed");
  return 0;
}
