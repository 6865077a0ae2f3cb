// The limit of any client on GnuTLS: a fixed request, no HTTP library, no allocation for a request.
#include "connection.h"

#include <gnutls/pkcs11.h>
#include <sys/epoll.h>

enum { most_connections = 4096 };
static struct connection *connections;

struct plan {
    long concurrency;
    int fresh;    // a new connection for each request
    int resuming;
};

static void start_one(struct connection *c, const struct plan *plan)
{
    c->started = seconds_now();
    if (plan->fresh || !c->session) {
        connect_to_server(c, plan->concurrency > 1, plan->resuming);
    } else {
        send_request(c);
    }
}

static void finish_one(struct connection *c, const struct plan *plan, struct result *result)
{
    if (result->latencies) result->latencies[result->requests] = seconds_now() - c->started;
    result->requests++;
    if (!plan->fresh) return;
    if (gnutls_session_is_resumed(c->session)) result->resumed++;
    if (plan->resuming) {
        gnutls_free(ticket.data);
        gnutls_session_get_data2(c->session, &ticket);
    }
    disconnect(c);
}

static void one_at_a_time(const struct plan *plan, long count, struct result *result)
{
    for (long i = 0; i < count; i++) {
        start_one(connections, plan);
        while (!advance(connections)) {}
        finish_one(connections, plan, result);
    }
}

static void watch(int poll, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
}

// Begins requests on a connection until one of them has to wait: as a rule the first.
static void keep_busy(
    int poll, struct connection *c, const struct plan *plan, long count, long *started, struct result *result)
{
    while (*started < count) {
        int fresh = plan->fresh || !c->session;
        (*started)++;
        start_one(c, plan);
        if (fresh) watch(poll, c);
        if (!advance(c)) return;
        finish_one(c, plan, result);
    }
}

static void several_at_a_time(const struct plan *plan, long count, struct result *result)
{
    static int poll = -1;
    if (poll < 0) poll = epoll_create1(EPOLL_CLOEXEC);
    long started = 0;
    for (long i = 0; i < plan->concurrency; i++) keep_busy(poll, &connections[i], plan, count, &started, result);
    while (result->requests < count) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, 10000);
        if (ready <= 0) fail("no answer within 10 seconds", 0);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!advance(c)) continue;
            finish_one(c, plan, result);
            keep_busy(poll, c, plan, count, &started, result);
        }
    }
}

static void exchange(const struct plan *plan, long count, struct result *result)
{
    if (plan->concurrency > 1) {
        several_at_a_time(plan, count, result);
    } else {
        one_at_a_time(plan, count, result);
    }
}

static void upload(struct connection *c, long long size)
{
    start_one(c, &(struct plan){.concurrency = 1});
    while (!c->greeted) {
        int code = gnutls_handshake(c->session);
        if (code < 0 && gnutls_error_is_fatal(code)) fail("handshake", code);
        if (code == 0) {
            c->greeted = 1;
            send_request(c);
        }
    }
    gathering = buffered;
    for (long long left = size; left > 0;) {
        ssize_t sent = gnutls_record_send(c->session, body, left > 16384 ? 16384 : (size_t)left);
        if (sent <= 0) fail("send", (int)sent);
        left -= sent;
    }
    gathering = 0;
    if (c->out_length && drain(c)) fail("send", GNUTLS_E_PUSH_ERROR);
    while (!advance(c)) {}
}

// The sessions alone: one buffer serves all of them, one after another.
static void idle(long count, struct result *result)
{
    struct connection *c = connections;
    result->base_kib = resident_kib();
    for (long i = 0; i < count; i++) {
        c->session = NULL;
        start_one(c, &(struct plan){.concurrency = 1});
        while (!advance(c)) {}
    }
    result->requests = count;
    result->kib = resident_kib();
}

static void load(void)
{
    const char *module = option("module", NULL), *error;
    int code;
    // Without a named module GnuTLS starts every one that p11-kit knows.
    if (module && ((code = gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL)) < 0
                   || (code = gnutls_pkcs11_add_provider(module, NULL)) < 0))
        fail(module, code);
    gnutls_certificate_allocate_credentials(&credentials);
    if ((code = gnutls_priority_init(&priorities, option("priority", "NORMAL"), &error)) < 0) fail("priority", code);
    if ((code = gnutls_certificate_set_x509_trust_file(credentials, option("ca", ""), GNUTLS_X509_FMT_PEM)) < 0)
        fail("ca", code);
    code = gnutls_certificate_set_x509_key_file2(
        credentials, option("cert", ""), option("key", ""), GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) fail("certificate and key", code);
}

int main(int count, char **arguments)
{
    option_count = count;
    option_list = arguments;
    const char *mode = option("mode", "get");
    if (!strcmp(mode, "version")) {
        printf("GnuTLS %s\n", gnutls_check_version(NULL));
        return 0;
    }
    int port = 443;
    char path[128] = "/";
    sscanf(option("url", ""), "https://127.0.0.1:%d%127s", &port, path);
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);

    struct plan plan = {.concurrency = number("concurrency", 1)};
    plan.fresh = !strcmp(mode, "full") || !strcmp(mode, "resumed");
    plan.resuming = !strcmp(mode, "resumed");
    long requests = number("requests", 1), warm_up = number("warm-up", 0), size = number("size", 0);
    int up = !strcmp(mode, "up");
    buffered = !strcmp(option("transport", "direct"), "buffered");
    if (plan.concurrency > most_connections) fail("so many connections are too many", 0);
    connections = calloc(most_connections, sizeof *connections);
    load();
    char length[64] = "";
    if (up) snprintf(length, sizeof length, "Content-Length: %ld\r\n", size);
    request_length = (size_t)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s\r\n",
        up ? "POST" : "GET", path, port, length, plan.fresh ? "Connection: close\r\n" : "");

    struct result none = {0}, result = {0};
    if (!strcmp(mode, "idle")) {
        begin(&result);
        idle(requests, &result);
        end(&result);
        print_result(&result);
        sleep((unsigned)number("hold", 0));
        _exit(0); // the sessions are nobody's any more
    }
    if (up) {
        for (long i = 0; i < warm_up; i++) upload(connections, size);
    } else {
        exchange(&plan, warm_up, &none);
    }
    result.latencies = calloc((size_t)requests + 1, sizeof(double));
    begin(&result);
    if (up) {
        for (; result.requests < requests; result.requests++) upload(connections, size);
        free(result.latencies);
        result.latencies = NULL;
    } else {
        exchange(&plan, requests, &result);
    }
    end(&result);
    if (up || size) result.bytes = (long long)size * requests;
    print_result(&result);
    return 0;
}
