/* A client with Eclipse Paho's C library; what it says and does is told in tests/foreign_clients.rs. */

#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int subscribe(MQTTClient client, int count)
{
	if (MQTTClient_subscribe(client, "clients/#", 2) != MQTTCLIENT_SUCCESS) {
		return 1;
	}
	while (count > 0) {
		char *topic = NULL;
		int length = 0;
		MQTTClient_message *message = NULL;
		if (MQTTClient_receive(client, &topic, &length, &message, 60000) != MQTTCLIENT_SUCCESS) {
			return 1;
		}
		if (message != NULL) {
			printf("%s %d %.*s\n", topic, message->qos, message->payloadlen, (char *)message->payload);
			MQTTClient_freeMessage(&message);
			MQTTClient_free(topic);
			count--;
		}
	}
	return MQTTClient_disconnect(client, 10000);
}

static int publish(MQTTClient client, int from, int count)
{
	for (int number = from; number < from + count; number++) {
		char payload[16];
		int length = snprintf(payload, sizeof payload, "%d", number);
		MQTTClient_deliveryToken token;
		if (MQTTClient_publish(client, "clients/readings", length, payload, 2, 0, &token) != MQTTCLIENT_SUCCESS
			|| MQTTClient_waitForCompletion(client, token, 60000) != MQTTCLIENT_SUCCESS) {
			return 1;
		}
	}
	printf("published\n");
	pause();
	return 0;
}

int main(int count, char **arguments)
{
	if (count != 6) {
		return 2;
	}
	int subscribes = strcmp(arguments[1], "subscribe") == 0;
	char address[64];
	snprintf(address, sizeof address, "tcp://127.0.0.1:%s", arguments[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);

	MQTTClient client;
	MQTTClient_create(&client, address, arguments[3], MQTTCLIENT_PERSISTENCE_NONE, NULL);
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
	MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
	will.topicName = "clients/will";
	will.message = "gone";
	will.qos = 1;
	options.cleansession = 0;
	options.will = subscribes ? NULL : &will;
	int code = MQTTClient_connect(client, &options);
	if (code != MQTTCLIENT_SUCCESS) {
		return 1;
	}
	printf("connected %d\n", options.returned.sessionPresent);
	return subscribes ? subscribe(client, atoi(arguments[5])) : publish(client, atoi(arguments[4]), atoi(arguments[5]));
}
