/* A client with libmosquitto, the C library of Eclipse Mosquitto; what it says and does is told in tests/foreign_clients.rs. */

#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int remaining;

static void on_connect(struct mosquitto *client, void *context, int code, int flags)
{
	(void)code;
	printf("connected %d\n", flags & 1);
	if (context != NULL) {
		mosquitto_subscribe(client, NULL, "clients/#", 2);
	}
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	(void)context;
	printf("%s %d %.*s\n", message->topic, message->qos, message->payloadlen, (const char *)message->payload);
	if (--remaining == 0) {
		mosquitto_disconnect(client);
	}
}

static void on_publish(struct mosquitto *client, void *context, int mid)
{
	(void)client;
	(void)context;
	(void)mid;
	if (--remaining == 0) {
		printf("published\n");
	}
}

static int publish(struct mosquitto *client, int from)
{
	for (int number = from, end = from + remaining; number < end; number++) {
		char payload[16];
		int length = snprintf(payload, sizeof payload, "%d", number);
		mosquitto_publish(client, NULL, "clients/readings", length, payload, 2, false);
	}
	return mosquitto_loop_forever(client, -1, 1);
}

int main(int count, char **arguments)
{
	if (count != 6) {
		return 2;
	}
	int subscribes = strcmp(arguments[1], "subscribe") == 0;
	remaining = atoi(arguments[5]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	mosquitto_lib_init();
	struct mosquitto *client = mosquitto_new(arguments[3], false, subscribes ? &remaining : NULL);
	mosquitto_connect_with_flags_callback_set(client, on_connect);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_publish_callback_set(client, on_publish);
	if (!subscribes) {
		mosquitto_will_set(client, "clients/will", 4, "gone", 1, false);
	}
	if (mosquitto_connect(client, "127.0.0.1", atoi(arguments[2]), 30) != MOSQ_ERR_SUCCESS) {
		return 1;
	}
	return subscribes ? mosquitto_loop_forever(client, -1, 1) : publish(client, atoi(arguments[4]));
}
