/* ONNX Runtime with a fault in it: the real library, but for one run of an accelerator's graph.
 *
 * Built with REAL (path of the real library), FAULT (path of the order), API_SIZE (bytes of OrtApi)
 * and the places of five functions in it. An order is a file with a kind and a number, "nan 7": the
 * seventh run from now on fails in that way. Runs on other threads than the accelerator's are the
 * CPU's and are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { HANGS_FOR_SECONDS = 3, ORT_FAIL = 1 };

typedef struct {
    const char *(*get_api)(uint32_t version);
    const char *(*version)(void);
} ApiBase;
typedef void *(*Run)(void *session, const void *options, const void *binding);
typedef void *(*CreateStatus)(int code, const char *message);
typedef void *(*GetAllocator)(void **allocator);
typedef void *(*GetOutputs)(const void *binding, void *allocator, void ***values, size_t *count);
typedef void *(*GetData)(void *value, void **data);

static const ApiBase *real_base;
static const char *real_api;
static _Alignas(16) char faulty_api[API_SIZE];

#define REAL_FUNCTION(type, place) (*(const type *)(real_api + (place)))

static void *spoil(const void *binding) {
    void *allocator, **values, *data, *failed;
    size_t count;
    if ((failed = REAL_FUNCTION(GetAllocator, GET_ALLOCATOR)(&allocator))) return failed;
    if ((failed = REAL_FUNCTION(GetOutputs, GET_OUTPUTS)(binding, allocator, &values, &count))) return failed;
    if ((failed = REAL_FUNCTION(GetData, GET_DATA)(values[0], &data))) return failed;
    *(float *)data = NAN;
    return NULL;
}

static void *run(void *session, const void *options, const void *binding) {
    static char kind[16];
    static int left;
    char thread[16] = "";
    prctl(PR_GET_NAME, thread);
    if (strcmp(thread, "accelerator") != 0) return REAL_FUNCTION(Run, RUN)(session, options, binding);
    FILE *order = fopen(FAULT, "r");
    if (order) {
        if (fscanf(order, "%15s %d", kind, &left) != 2) left = 0;
        fclose(order);
        unlink(FAULT);
    }
    int fails = left > 0 && --left == 0;
    if (fails && strcmp(kind, "error") == 0)
        return REAL_FUNCTION(CreateStatus, CREATE_STATUS)(ORT_FAIL, "the device was lost");
    if (fails && strcmp(kind, "hang") == 0) sleep(HANGS_FOR_SECONDS);
    void *status = REAL_FUNCTION(Run, RUN)(session, options, binding);
    if (fails && strcmp(kind, "nan") == 0 && !status) return spoil(binding);
    return status;
}

static const char *get_api(uint32_t version) {
    const char *api = real_base->get_api(version);
    if (!api) return NULL;
    real_api = api;
    memcpy(faulty_api, api, API_SIZE);
    *(Run *)(faulty_api + RUN) = run;
    return faulty_api;
}

static const char *version(void) { return real_base->version(); }

const ApiBase *OrtGetApiBase(void) {
    static const ApiBase base = {get_api, version};
    void *library = dlopen(REAL, RTLD_NOW);
    const ApiBase *(*get_base)(void) = library ? (const ApiBase *(*)(void))dlsym(library, "OrtGetApiBase") : NULL;
    if (!get_base) return NULL;
    real_base = get_base();
    return &base;
}
