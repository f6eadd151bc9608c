/* A plain TCP relay, as the measure of what carrying bytes costs at least: read and write, no splice, one thread for
 * each direction. tcp_relay TO_PORT [BUFFER]: listens on a port of 127.0.0.1, which it prints, for 127.0.0.1:TO_PORT. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t buffer_size = 64 << 10;

struct pair {
  int from, to;
};

static void* copy(void* arg) {
  struct pair* pair = arg;
  char* buffer = malloc(buffer_size);
  for (;;) {
    ssize_t got = read(pair->from, buffer, buffer_size);
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      ssize_t sent = write(pair->to, buffer + at, (size_t)(got - at));
      if (sent <= 0) goto out;
      at += sent;
    }
  }
out:
  shutdown(pair->to, SHUT_WR);
  free(buffer);
  return NULL;
}

static void* serve(void* arg) {
  struct pair down = *(struct pair*)arg, up = {down.to, down.from};
  free(arg);
  pthread_t other;
  pthread_create(&other, NULL, copy, &up);
  copy(&down);
  pthread_join(other, NULL);
  close(down.from);
  close(down.to);
  return NULL;
}

static struct sockaddr_in place(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) buffer_size = (size_t)atol(argv[2]);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in here = place(0), there = place(atoi(argv[1]));
  socklen_t size = sizeof here;
  if (bind(listener, (struct sockaddr*)&here, size) || listen(listener, 1024)) return 1;
  getsockname(listener, (struct sockaddr*)&here, &size);
  printf("%d\n", ntohs(here.sin_port));
  fflush(stdout);
  for (;;) {
    int on = 1;
    struct pair* pair = malloc(sizeof *pair);
    pair->to = accept(listener, NULL, NULL);
    pair->from = socket(AF_INET, SOCK_STREAM, 0);
    if (pair->to < 0 || connect(pair->from, (struct sockaddr*)&there, sizeof there)) return 1;
    setsockopt(pair->to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(pair->from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    pthread_create(&thread, NULL, serve, pair);
    pthread_detach(thread);
  }
}
